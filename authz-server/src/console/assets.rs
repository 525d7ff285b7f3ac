//! The files that pages need: style, scripts, the icon. They are in the program. The address of each has the digest of its content, so a
//! browser keeps it for ever and never has an old one.

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use warrant::Digest;

use super::callers::Refused;
use crate::authority::problem::{ApiError, ApiErrorCode};

/// One file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
    /// The beginning of its digest, and its name.
    address: String,
    /// `None` if it could not be compressed.
    compressed: Option<Vec<u8>>,
}

/// How many digits of its digest the address of a file has.
const DIGITS: usize = 16;

static ALL: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let file = |name, kind, content: &'static [u8]| {
        let digest = Digest::of(content).to_string();
        let digits: String =
            digest.chars().skip_while(|letter| *letter != ':').skip(1).take(DIGITS).collect();
        let address = format!("/console/assets/{digits}-{name}");
        Asset { name, kind, content, address, compressed: compressed(content) }
    };
    vec![
        file("console.css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
        file("console.js", "text/javascript; charset=utf-8", include_bytes!("assets/console.js")),
        file("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    ]
});

fn compressed(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

/// Where the file of this name is.
pub(super) fn address(name: &str) -> &'static str {
    ALL.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.address)
}

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Refused> {
    let is_it = |asset: &&Asset| asset.address.strip_prefix("/console/assets/") == Some(name.as_str());
    let unknown = || ApiError::new(ApiErrorCode::Unknown, "the console has no file of this address");
    let asset = ALL.iter().find(is_it).ok_or_else(unknown)?;
    let always = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    let accepts = |value: &str| value.split(',').any(|one| one.trim() == "gzip");
    let takes_gzip = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(accepts);
    Ok(match asset.compressed.as_ref().filter(|_| takes_gzip) {
        Some(compressed) => (always, [(CONTENT_ENCODING, "gzip")], compressed.as_slice()).into_response(),
        None => (always, asset.content).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser loads with its first page.
    const MOST_TOGETHER: usize = 150 * 1024;

    #[test]
    fn what_a_page_loads_is_small() {
        let all: usize = ALL.iter().filter_map(|asset| asset.compressed.as_ref().map(Vec::len)).sum();
        println!("all files of a page, compressed: {all} bytes");
        assert!(all < MOST_TOGETHER && ALL.iter().all(|asset| !address(asset.name).is_empty()), "{all}");
    }
}
