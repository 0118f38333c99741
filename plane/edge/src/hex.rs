//! Hexadecimal digits to and from numbers, for ids in headers: fixed lengths, small letters, no allocation.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes `value` as `out.len()` small hexadecimal digits, the lowest last. The length is even.
pub fn write(value: u128, out: &mut [u8]) {
    let bytes = value.to_be_bytes();
    for (pair, byte) in out.rchunks_exact_mut(2).zip(bytes.iter().rev()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
}

/// Reads small hexadecimal digits, 32 at most; capital letters are refused, as the trace context demands.
pub fn read(digits: &[u8]) -> Option<u128> {
    if digits.is_empty() || digits.len() > 32 {
        return None;
    }
    digits.iter().try_fold(0_u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}
