//! A client outside of the mesh, which reaches the shop through a gateway.

use portcullis_tests::client::ClientRequest;
use std::net::SocketAddr;
use warrant::Denial;

use crate::shop::Shop;

/// A client of one gateway.
pub(crate) struct OutsideClient<'a> {
    pub(crate) shop: &'a Shop,
    pub(crate) gateway: SocketAddr,
}

impl OutsideClient<'_> {
    /// Sends a request. Returns the status and the code of the answer; `None` if there is none.
    pub(crate) async fn send(&self, request: &ClientRequest) -> Option<(u16, Option<String>)> {
        let stream = self.shop.cluster.node().connect(self.gateway).await.ok()?;
        let answer = request.send_over(stream).await.ok()?;
        self.shop.note(&answer);
        Some((answer.status, answer.code()))
    }

    /// Sends a request that must get this denial.
    pub(crate) async fn denied(&self, request: &ClientRequest, denial: Denial) {
        let said = self.send(request).await.expect("the gateway answers");
        assert_eq!(said, (denial.status(), Some(denial.code().to_owned())), "{request:?}");
    }
}
