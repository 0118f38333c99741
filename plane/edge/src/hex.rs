//! Hexadecimal digits to and from numbers, for ids in headers: fixed lengths, small letters, no allocation.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes `value` as `out.len()` small hexadecimal digits, the lowest last.
pub fn write(mut value: u128, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        *place = DIGITS[(value & 0xf) as usize];
        value >>= 4;
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
