//! Browsers add certificates and cookies to requests that another site starts. So a request from another site is refused,
//! also if it has a good certificate or token.

use hyper::header::{HOST, HeaderMap, ORIGIN};

use crate::authority::problem::{ApiError, ApiErrorCode};

/// Checks that no browser sent this request for another site. `authority` is the request's own (`:authority` in
/// HTTP/2); without it the header `Host` counts. Programs that are not browsers send none of these headers.
///
/// # Errors
/// `not-permitted`.
pub fn check_same_origin(headers: &HeaderMap, authority: Option<&str>) -> Result<(), ApiError> {
    let sites = headers.get_all("sec-fetch-site").iter();
    let is_same_site = sites.map(|site| site.as_bytes()).all(|site| matches!(site, b"same-origin" | b"none"));
    let own = authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()));
    let own = own.map(|own| format!("https://{own}"));
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_own_origin =
        origins.all(|origin| own.as_ref().is_some_and(|own| origin.as_bytes() == own.as_bytes()));
    if is_same_site && is_own_origin {
        return Ok(());
    }
    Err(ApiError::new(ApiErrorCode::NotPermitted, "a browser sent this call for another site"))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn is_refused(sent: &[(&str, &str)]) -> bool {
        let parsed = sent.iter().map(|(name, value)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        });
        let mut headers = HeaderMap::new();
        parsed.for_each(|(name, value)| {
            headers.append(name, value);
        });
        check_same_origin(&headers, None).is_err()
    }

    #[test]
    fn a_request_of_another_site_is_refused() {
        let host = ("host", "api.shop:9443");
        for good in [
            &[host][..],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://api.shop:9443")],
        ] {
            assert!(!is_refused(good), "{good:?}");
        }
        for bad in [
            &[host, ("sec-fetch-site", "cross-site")][..],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "")],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://api.shop:9443")],
            &[host, ("origin", "https://api.shop:9443"), ("origin", "https://evil.example")],
            &[("origin", "https://api.shop:9443")],
        ] {
            assert!(is_refused(bad), "{bad:?}");
        }
        let own = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://api.shop"))]);
        assert!(check_same_origin(&own, Some("api.shop")).is_ok());
    }
}
