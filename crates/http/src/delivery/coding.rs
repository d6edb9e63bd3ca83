//! Content codings: which one a client wants, and how an answer gets it.

use std::io::Write as _;

use actix_web::HttpMessage;
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header as _, HeaderValue};

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    /// Not at all.
    Identity,
    /// Zstandard.
    Zstd,
    /// Brotli.
    Brotli,
    /// gzip.
    Gzip,
}

/// Brotli from 0 to 11: beyond this it takes many times as long for a few percent.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 22;

impl Coding {
    /// Every one.
    pub(super) const ALL: [Self; 4] = [Self::Identity, Self::Zstd, Self::Brotli, Self::Gzip];

    /// What a client wants most of what there is.
    pub(super) fn wanted(request: &impl HttpMessage) -> Self {
        if !request.headers().contains_key(header::ACCEPT_ENCODING) {
            return Self::Identity;
        }
        let Ok(asked) = AcceptEncoding::parse(request) else { return Self::Identity };
        let supported = Self::ALL.map(Self::encoding);
        let chosen = asked.negotiate(supported.iter());
        Self::ALL.into_iter().find(|coding| chosen == Some(coding.encoding())).unwrap_or(Self::Identity)
    }

    fn encoding(self) -> Encoding {
        match self {
            Self::Identity => Encoding::identity(),
            Self::Zstd => Encoding::zstd(),
            Self::Brotli => Encoding::brotli(),
            Self::Gzip => Encoding::gzip(),
        }
    }

    /// Its name in `Content-Encoding` and at the end of an ETag; none for no coding.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Zstd => Some("zstd"),
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// `Content-Encoding`.
    pub(super) fn header(self) -> Option<HeaderValue> {
        self.name().map(HeaderValue::from_static)
    }

    /// The body in this coding.
    pub(super) fn encode(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(body.to_vec()),
            Self::Zstd => zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL),
            Self::Brotli => {
                let mut coded = brotli::CompressorWriter::new(Vec::new(), 4_096, BROTLI_QUALITY, BROTLI_WINDOW);
                coded.write_all(body)?;
                coded.flush()?;
                Ok(coded.into_inner())
            }
            Self::Gzip => {
                let mut coded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                coded.write_all(body)?;
                coded.finish()
            }
        }
    }
}
