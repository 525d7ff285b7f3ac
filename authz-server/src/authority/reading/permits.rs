//! What one call may see: the policy for operators is asked once about each route.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{OperatorAction, OperatorContext};

use crate::authority::api::Resource;
use crate::authority::fact_recorder::Asking;
use crate::authority::problem::{ApiError, ApiErrorCode};

pub(super) struct Permits<'a> {
    asking: Asking<'a>,
    action: OperatorAction,
    /// The answers by route. `None` is the mesh.
    asked: BTreeMap<Option<String>, bool>,
}

impl<'a> Permits<'a> {
    pub(super) fn new(asking: Asking<'a>, action: OperatorAction) -> Permits<'a> {
        Permits { asking, action, asked: BTreeMap::new() }
    }

    /// Whether decisions on this route may be seen. Those on no route are the mesh's, and so are those on a route that the active
    /// bundle does not have any more: it has no team, and somebody must be able to read them.
    pub(super) fn may(&mut self, route: Option<&str>) -> bool {
        let operators = self.asking.known().bundle().operators();
        let route = route.filter(|route| operators.has_route(route)).map(str::to_owned);
        if let Some(known) = self.asked.get(&route) {
            return *known;
        }
        let resource = route.clone().map_or(Resource::Mesh, Resource::Route);
        let answer = self.asking.permit(self.action, resource, OperatorContext::default()).is_ok();
        self.asked.insert(route, answer);
        answer
    }

    /// Refuses who may see nothing at all. That does not depend on what is on record, and costs little.
    pub(super) fn check_any(&mut self) -> Result<(), ApiError> {
        let known = Arc::clone(self.asking.known());
        let mut routes = known.bundle().operators().routes_of_each_kind();
        let may_any = self.may(None) || routes.any(|route| self.may(Some(route)));
        if may_any { Ok(()) } else { Err(ApiError::of(ApiErrorCode::NotPermitted)) }
    }
}
