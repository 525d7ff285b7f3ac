//! Reads the body of a call: at most 64 KiB, within 5 seconds. A slow or endless body cannot hold a connection.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::authority::problem::{ApiError, ApiErrorCode};

/// The most bytes that the body of a call may have.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(5);

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
    use axum::body::Body as AnyBody;
    use hyper::body::Bytes;
    use tokio_stream::{StreamExt, iter, pending};

    use super::*;

    fn endless() -> AnyBody {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
        AnyBody::from_stream(iter(std::iter::repeat_with(chunk)))
    }

    /// A body that begins and never goes on.
    fn stuck() -> AnyBody {
        let start = iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
        AnyBody::from_stream(start.chain(pending()))
    }

    #[tokio::test]
    async fn the_largest_body_is_read_whole_and_an_endless_one_is_too_large() {
        let largest = vec![b' '; MAX_BODY_BYTES];
        assert_eq!(read_body(AnyBody::from(largest.clone())).await.unwrap(), largest);
        for body in [endless(), AnyBody::from(vec![b' '; MAX_BODY_BYTES + 1])] {
            assert_eq!(read_body(body).await.unwrap_err().code(), ApiErrorCode::TooLarge);
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_in_time_or_breaks_off_is_malformed() {
        let error = read_within(stuck(), Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.to_string(), "malformed: the body did not arrive within 20ms");
        let broken = iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))]);
        let error = read_body(AnyBody::from_stream(broken)).await.unwrap_err();
        assert_eq!(error.to_string(), "malformed: the body breaks off");
    }
}
