//! Turns a question into a Cedar request. It is built from values, never from pasted text: only `now` is text
//! to Cedar, and we write that text.

use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression};

use super::ask::{Lineage, PolicyQuery, Principal};
use super::names::Type;
use super::slice::Slice;
use crate::arguments::ArgumentValue;
use crate::documents::groups::Groups;
use crate::documents::times::rfc3339;

/// A request and its entities; `None` if the query does not fit the route's schema.
pub(super) fn request(
    slice: &Slice,
    route: &str,
    groups: &Groups,
    query: &PolicyQuery<'_>,
) -> Option<(Request, Entities)> {
    if !slice.fit.admits(query) {
        return None;
    }
    let principal = principal(query)?;
    let mut pairs = context(query)?;
    pairs.extend(slice.reads_now.then(|| now(query)));
    let context = Context::from_pairs(pairs).ok()?;
    let (action, resource) = (Type::Action.entity(query.action)?, Type::Route.entity(route)?);
    let request = Request::new(principal.clone(), action, resource, context, None).ok()?;
    let root = Type::Agent.entity(query.warrant.root)?;
    // The root has its own groups, even if the caller is another workload. If root and principal have the
    // same name, they are one entity.
    let mut entities = vec![with_groups(root.clone(), query.warrant.root, groups)?];
    if principal != root {
        entities.push(match query.principal {
            Principal::Agent(name) => with_groups(principal, name, groups)?,
            Principal::Key(_) => Entity::with_uid(principal),
        });
    }
    Some((request, Entities::from_entities(entities, None).ok()?))
}

pub(super) fn principal(query: &PolicyQuery<'_>) -> Option<EntityUid> {
    match query.principal {
        Principal::Agent(name) => Type::Agent.entity(name),
        Principal::Key(thumbprint) => Type::Key.entity(thumbprint),
    }
}

fn with_groups(entity: EntityUid, name: &str, groups: &Groups) -> Option<Entity> {
    let parents: Option<_> = groups.of(name).map(|group| Type::Group.entity(group)).collect();
    Some(Entity::new_no_attrs(entity, parents?))
}

type Pair = (String, RestrictedExpression);

/// The members of the context but `now`.
pub(super) fn context(query: &PolicyQuery<'_>) -> Option<Vec<Pair>> {
    let args = query.args.iter().map(|(name, value)| (name.to_owned(), argument(value)));
    Some(vec![
        pair("args", RestrictedExpression::new_record(args).ok()?),
        pair("posture", RestrictedExpression::new_entity_uid(Type::Posture.entity(query.posture.name())?)),
        pair("environment", texts(query.environment.iter())?),
        pair("conditions", texts(query.conditions.iter())?),
        pair("method", text(query.method)),
        pair("host", text(query.host)),
        pair("path", text(query.path)),
        pair("warrant", warrant(&query.warrant)?),
    ])
}

pub(super) fn now(query: &PolicyQuery<'_>) -> Pair {
    pair("now", RestrictedExpression::new_datetime(rfc3339(query.now.get())))
}

fn warrant(lineage: &Lineage<'_>) -> Option<RestrictedExpression> {
    let attr =
        lineage.attr.map(|attr| [("run", &attr.run), ("agent", &attr.agent), ("purpose", &attr.purpose)]);
    let attr = attr.into_iter().flatten();
    let attr = attr.filter_map(|(name, value)| Some(pair(name, text(value.as_deref()?))));
    let mut members = vec![
        pair("depth", RestrictedExpression::new_long(i64::from(lineage.depth))),
        pair("issuer", text(lineage.issuer)),
        pair("root", RestrictedExpression::new_entity_uid(Type::Agent.entity(lineage.root)?)),
        pair("attr", RestrictedExpression::new_record(attr).ok()?),
    ];
    if let Some(starter) = &lineage.started_by {
        let starter = [pair("iss", text(&starter.iss)), pair("sub", text(&starter.sub))];
        members.push(pair("started_by", RestrictedExpression::new_record(starter).ok()?));
    }
    RestrictedExpression::new_record(members).ok()
}

fn pair(name: &str, value: RestrictedExpression) -> Pair {
    (name.to_owned(), value)
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn texts<'a>(members: impl Iterator<Item = (&'a String, &'a String)>) -> Option<RestrictedExpression> {
    RestrictedExpression::new_record(members.map(|(key, value)| (key.clone(), text(value)))).ok()
}

fn argument(value: &ArgumentValue) -> RestrictedExpression {
    match value {
        ArgumentValue::Long(number) => RestrictedExpression::new_long(*number),
        ArgumentValue::Text(value) => text(value),
        ArgumentValue::Bool(value) => RestrictedExpression::new_bool(*value),
        ArgumentValue::Texts(values) => RestrictedExpression::new_set(values.iter().map(|value| text(value))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::tests::fixture::{Ask, bundle, files};

    /// This prints figures and asserts nothing. Run it alone, with `--ignored --nocapture`, built for
    /// release.
    #[test]
    #[ignore = "measures"]
    fn figures() {
        let bundle = bundle(&files());
        let (slice, groups) = (bundle.route_named("pay").unwrap().slice(), &bundle.groups);
        let ask = Ask::by(Principal::Agent("spiffe://shop/ns/shop/sa/payer".to_owned()));
        let each = |what: &str, work: &dyn Fn()| {
            let run = || {
                let begin = Instant::now();
                (0..1000).for_each(|_| work());
                begin.elapsed().as_nanos() / 1000
            };
            println!("{what}: {} ns", (0..10).map(|_| run()).min().unwrap());
        };
        ask.with(|query| {
            each("rfc3339", &|| drop(rfc3339(query.now.get())));
            each("pairs", &|| drop(context(query)));
            each("context", &|| drop(Context::from_pairs(context(query).unwrap())));
            each("request and entities", &|| drop(request(slice, "pay", groups, query)));
            let (request, entities) = request(slice, "pay", groups, query).unwrap();
            let authorizer = cedar_policy::Authorizer::new();
            each("answer", &|| drop(authorizer.is_authorized(&request, &slice.policies, &entities)));
        });
    }
}
