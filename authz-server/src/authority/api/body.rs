//! Reads the body of a call: at most 64 KiB, within 5 seconds. A slow or endless body cannot hold a connection.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderMap};

use crate::authority::problem::{ApiError, ApiErrorCode};

/// The most bytes that the body of a call may have.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Checks that the body of a call says that it is JSON, or nothing of its type.
///
/// # Errors
/// `wrong-content-type`.
pub fn check_is_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_json = |value: &str| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    };
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if types.all(|value| value.to_str().is_ok_and(is_json)) {
        return Ok(());
    }
    Err(ApiError::of(ApiErrorCode::WrongType))
}

/// The whole body.
///
/// # Errors
/// `too-large`, or `malformed` when it does not end in time or breaks off.
pub async fn read_body<B>(body: B) -> Result<Vec<u8>, ApiError>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    read_within(body, READ_WITHIN).await
}

async fn read_within<B>(body: B, time: Duration) -> Result<Vec<u8>, ApiError>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let whole = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(time, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::of(ApiErrorCode::TooLarge)),
        Ok(Err(_)) => Err(ApiError::new(ApiErrorCode::Malformed, "the body breaks off")),
        Err(_) => {
            let detail = format!("the body did not arrive within {time:?}");
            Err(ApiError::new(ApiErrorCode::Malformed, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::{Bytes, Frame};
    use hyper::header::HeaderValue;

    use super::*;

    /// A body that asks a function for each part.
    struct Parts<F>(F);

    impl<F: FnMut() -> Poll<Option<io::Result<Bytes>>> + Unpin> Body for Parts<F> {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            (self.get_mut().0)().map_ok(Frame::data)
        }
    }

    #[tokio::test]
    async fn the_largest_body_is_read_whole_and_a_longer_or_endless_one_is_too_large() {
        let largest = vec![b' '; MAX_BODY_BYTES];
        assert_eq!(read_body(Full::new(Bytes::from(largest.clone()))).await.unwrap(), largest);
        let longer = Full::new(Bytes::from(vec![b' '; MAX_BODY_BYTES + 1]));
        assert_eq!(read_body(longer).await.unwrap_err().code(), ApiErrorCode::TooLarge);
        let endless = Parts(|| Poll::Ready(Some(Ok(Bytes::from_static(&[b' '; 1024])))));
        assert_eq!(read_body(endless).await.unwrap_err().code(), ApiErrorCode::TooLarge);
    }

    #[test]
    fn a_body_of_another_type_is_refused_before_it_is_read() {
        let headers = |types: &[&'static str]| {
            types.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        for good in [&[][..], &["application/json"], &["Application/JSON; charset=utf-8"]] {
            assert!(check_is_json(&headers(good)).is_ok(), "{good:?}");
        }
        for bad in [&["text/plain"][..], &["application/jsonp"], &[""], &["application/json", "text/plain"]] {
            let error = check_is_json(&headers(bad)).unwrap_err();
            assert_eq!(error.code(), ApiErrorCode::WrongType, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_in_time_or_breaks_off_is_malformed() {
        let mut start = Some(Ok(Bytes::from_static(b"{")));
        let stuck = Parts(|| start.take().map_or(Poll::Pending, |part| Poll::Ready(Some(part))));
        let error = read_within(stuck, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.to_string(), "malformed: the body did not arrive within 20ms");
        let broken = Parts(|| Poll::Ready(Some(Err(io::Error::other("reset")))));
        let error = read_body(broken).await.unwrap_err();
        assert_eq!(error.to_string(), "malformed: the body breaks off");
    }
}
