//! The three encoders behind one face: bytes in, bytes out, flush, end.
//!
//! Levels are chosen for answers made on the fly: past them, twice the processor time saves a few per cent. Windows are kept small,
//! because thousands of answers may be under way at once: `--example cost` tells what each encoder takes.

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use homeostat_routing::settings::Coding;
use std::io::{self, Write};

/// nginx's and most servers' choice lies between 1 and 6; past 5 gzip hardly gains.
const GZIP_LEVEL: u32 = 5;
/// The level from which brotli beats gzip in both size and time.
const BROTLI_LEVEL: i32 = 4;
/// 256 KiB of window.
const BROTLI_WINDOW_LOG: i32 = 18;
const BROTLI_BUFFER_BYTES: usize = 4 << 10;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;
/// 512 KiB of window; browsers take up to 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 19;

/// An encoder that collects what it made until somebody takes it.
pub(super) enum Encoder {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    pub fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL)))),
            Coding::Brotli => {
                let params =
                    BrotliEncoderParams { quality: BROTLI_LEVEL, lgwin: BROTLI_WINDOW_LOG, ..Default::default() };
                Self::Brotli(Box::new(CompressorWriter::with_params(Vec::new(), BROTLI_BUFFER_BYTES, &params)))
            }
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(ZSTD_WINDOW_LOG)?;
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Makes everything that was written so far readable at the other end.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What has been made so far.
    pub fn made(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Takes what has been made so far.
    pub fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(self.made()))
    }

    /// Ends the stream and takes what is left.
    pub fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
        }
        .into())
    }
}
