//! Reads the form of a token exchange. Each parameter occurs once, but `resource`, as RFC 8693 says; one without a value counts
//! as absent, and one that nobody knows is ignored, as RFC 6749 says.

use std::collections::BTreeSet;

use policy::Policy;
use policy::issuing::Wanted;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use warrant::limits::{MAX_DEPTH, MAX_USES};
use warrant::mint::read_details;

use super::refusal::{Refusal, RefusalCode};
use crate::schema::{matching, words};

pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const WARRANT_TYPE: &str = "urn:portcullis:params:oauth:token-type:warrant";
/// All of them are JWTs here.
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
const TOKEN_TYPES: [&str; 3] =
    [JWT_TYPE, "urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:access_token"];
/// For more hosts than this, a warrant is not narrow.
const MOST_RESOURCES: usize = 16;

/// What the client sends, by the names of RFC 8693. Only its form is good.
#[derive(Debug, Default)]
pub struct TokenForm {
    pub(super) subject_token: Option<String>,
    pub(super) actor_token: Option<String>,
    pub(super) cnf: Option<String>,
    audience: Option<String>,
    resources: Vec<String>,
    details: Option<String>,
    scope: Option<String>,
    lifetime: Option<String>,
    uses: Option<String>,
    max_depth: Option<String>,
}

impl ToSchema for TokenForm {}

/// The parameters, for the API's document.
impl PartialSchema for TokenForm {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let all: [(&str, ObjectBuilder, &str); 13] = [
            ("grant_type", words([GRANT_TYPE]), "Token exchange."),
            ("subject_token", text(), "The token of the one whom the warrant is for."),
            ("subject_token_type", words(TOKEN_TYPES), "Its type. Comes with `subject_token`."),
            ("actor_token", text(), "The token of the one who acts. Comes with `subject_token`."),
            ("actor_token_type", words(TOKEN_TYPES), "Its type. Comes with `actor_token`."),
            ("audience", text(), "The mesh."),
            ("scope", text(), "The name of a grant."),
            ("authorization_details", text(), "What the warrant is for, as JSON (RFC 9396)."),
            ("requested_token_type", words([WARRANT_TYPE]), "A warrant."),
            ("cnf", text(), "The holder's public key, as a JWK."),
            ("lifetime", matching("^[1-9][0-9]{0,4}$"), "The most seconds that are of use, at most 86400."),
            ("use", matching("^[1-9][0-9]{0,9}$"), "The most uses that are of use, at most 2147483647."),
            ("max_depth", matching("^[0-7]$"), "The most delegations that are of use."),
        ];
        let resource = ArrayBuilder::new()
            .items(matching("^https?://[^/@?# ]+(/[^@?# ]*)?$"))
            .max_items(Some(MOST_RESOURCES))
            .description(Some("The URLs of hosts in the mesh: the warrant is for these alone."));
        let form = ObjectBuilder::new()
            .description(Some("Each parameter occurs once, but `resource`. An empty one counts as absent."))
            .property("resource", resource)
            .required("grant_type")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let described = |value: ObjectBuilder, says: &str| value.description(Some(says));
        all.into_iter()
            .fold(form, |form, (name, value, says)| form.property(name, described(value, says)))
            .into()
    }
}

impl TokenForm {
    pub(super) fn read(body: &[u8]) -> Result<TokenForm, Refusal> {
        let mut form = TokenForm::default();
        let mut types = Types::default();
        for (name, value) in form_urlencoded::parse(body) {
            if value.contains('\u{fffd}') || name.contains('\u{fffd}') {
                return Err(malformed("a parameter is not UTF-8"));
            }
            if value.is_empty() {
                continue;
            }
            let slot = match &*name {
                "resource" => {
                    form.resources.push(value.into_owned());
                    continue;
                }
                "grant_type" => &mut types.grant,
                "requested_token_type" => &mut types.requested,
                "subject_token_type" => &mut types.subject,
                "actor_token_type" => &mut types.actor,
                "subject_token" => &mut form.subject_token,
                "actor_token" => &mut form.actor_token,
                "cnf" => &mut form.cnf,
                "audience" => &mut form.audience,
                "authorization_details" => &mut form.details,
                "scope" => &mut form.scope,
                "lifetime" => &mut form.lifetime,
                "use" => &mut form.uses,
                "max_depth" => &mut form.max_depth,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(malformed(format!("the parameter {name} occurs twice")));
            }
        }
        types.check(&form)?;
        Ok(form)
    }

    /// What is asked for, in this mesh.
    pub(super) fn wanted(&self, policy: &Policy) -> Result<Wanted, Refusal> {
        if self.audience.as_ref().is_some_and(|audience| *audience != policy.terms().audience) {
            return Err(RefusalCode::Audience.into());
        }
        let details = self.details.as_ref().map(|json| read_details(json.as_bytes()));
        let details =
            details.transpose().map_err(|fault| Refusal::new(RefusalCode::DetailsMalformed, fault))?;
        // A client knows a host by the name that it calls.
        let named = |host: &str| policy.canonical_host(host).unwrap_or(host).to_owned();
        let details = details.map(|all| all.iter().map(|detail| detail.with_hosts_named(named)).collect());
        let limit = |name: &str, written: &Option<String>, least: u64, most: u64| {
            let number = written.as_ref().map(|text| natural(text).filter(|n| (least..=most).contains(n)));
            match number {
                Some(None) => Err(Refusal::new(
                    RefusalCode::Limit,
                    format!("{name} is not a whole number from {least} to {most}"),
                )),
                Some(Some(number)) => Ok(Some(number)),
                None => Ok(None),
            }
        };
        let uses = limit("use", &self.uses, 1, MAX_USES.unsigned_abs())?;
        Ok(Wanted {
            grant: self.scope.clone(),
            details,
            hosts: self.hosts(policy)?,
            lifetime: limit("lifetime", &self.lifetime, 1, 86_400)?,
            uses: uses.and_then(|uses| u32::try_from(uses).ok()),
            depth: limit("max_depth", &self.max_depth, 0, MAX_DEPTH)?,
        })
    }

    /// The canonical names of the hosts that `resource` names.
    fn hosts(&self, policy: &Policy) -> Result<Option<BTreeSet<String>>, Refusal> {
        if self.resources.is_empty() {
            return Ok(None);
        }
        if self.resources.len() > MOST_RESOURCES {
            return Err(Refusal::new(RefusalCode::Resource, format!("more than {MOST_RESOURCES} of them")));
        }
        let host = |uri: &String| {
            let authority = authority(uri).map(|authority| authority.to_ascii_lowercase());
            let known = authority.as_deref().and_then(|authority| policy.canonical_host(authority));
            known.map(str::to_owned).ok_or_else(|| {
                Refusal::new(RefusalCode::Resource, "it is not an absolute URI with a host of this mesh")
            })
        };
        self.resources.iter().map(host).collect::<Result<_, _>>().map(Some)
    }
}

/// The types that a form names.
#[derive(Default)]
struct Types {
    grant: Option<String>,
    requested: Option<String>,
    subject: Option<String>,
    actor: Option<String>,
}

impl Types {
    fn check(&self, form: &TokenForm) -> Result<(), Refusal> {
        match self.grant.as_deref() {
            Some(GRANT_TYPE) => {}
            Some(_) => return Err(RefusalCode::GrantType.into()),
            None => return Err(malformed("the parameter grant_type is missing")),
        }
        if self.requested.as_deref().is_some_and(|wanted| wanted != WARRANT_TYPE) {
            return Err(Refusal::new(RefusalCode::TokenType, "only warrants are issued here"));
        }
        let tokens = [
            ("subject_token", &form.subject_token, &self.subject),
            ("actor_token", &form.actor_token, &self.actor),
        ];
        for (name, token, kind) in tokens {
            match (token, kind) {
                (None, None) => {}
                (Some(_), Some(kind)) if TOKEN_TYPES.contains(&kind.as_str()) => {}
                (Some(_), Some(_)) => {
                    return Err(Refusal::new(
                        RefusalCode::TokenType,
                        format!("{name}_type is not one of a JWT"),
                    ));
                }
                (Some(_), None) | (None, Some(_)) => {
                    return Err(malformed(format!("{name} and {name}_type come only together")));
                }
            }
        }
        if form.actor_token.is_some() && form.subject_token.is_none() {
            return Err(malformed("actor_token without subject_token"));
        }
        Ok(())
    }
}

fn malformed(detail: impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::FormMalformed, detail)
}

/// The authority of an absolute URI without a user, a query or a fragment.
fn authority(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    let authority = rest.split('/').next()?;
    (!authority.is_empty() && !rest.contains(['@', '?', '#', ' '])).then_some(authority)
}

/// A number in digits, without a leading zero.
fn natural(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_number && text.len() <= 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&";

    fn code(form: &str) -> Option<RefusalCode> {
        TokenForm::read(form.as_bytes()).err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_form_has_each_parameter_once_and_a_type_for_each_token() {
        let jwt = "urn:ietf:params:oauth:token-type:jwt";
        for good in [
            HEAD.to_owned(),
            format!(
                "{HEAD}subject_token=a&subject_token_type={jwt}&resource=https://a&resource=https://b&unknown=1&unknown=2"
            ),
            format!("{HEAD}scope=&scope=small&requested_token_type={WARRANT_TYPE}"),
            format!("{HEAD}subject_token=a&subject_token_type={jwt}&actor_token=b&actor_token_type={jwt}"),
        ] {
            assert_eq!(code(&good), None, "{good}");
        }
        for (bad, expected) in [
            ("", RefusalCode::FormMalformed),
            ("grant_type=client_credentials", RefusalCode::GrantType),
            (&format!("{HEAD}grant_type=x"), RefusalCode::FormMalformed),
            (&format!("{HEAD}scope=a&scope=b"), RefusalCode::FormMalformed),
            (&format!("{HEAD}scope=%ff"), RefusalCode::FormMalformed),
            (&format!("{HEAD}subject_token=a"), RefusalCode::FormMalformed),
            (&format!("{HEAD}subject_token_type={jwt}"), RefusalCode::FormMalformed),
            (
                &format!("{HEAD}subject_token=a&subject_token_type=urn:ietf:params:oauth:token-type:saml2"),
                RefusalCode::TokenType,
            ),
            (&format!("{HEAD}actor_token=a&actor_token_type={jwt}"), RefusalCode::FormMalformed),
            (&format!("{HEAD}requested_token_type={jwt}"), RefusalCode::TokenType),
        ] {
            assert_eq!(code(bad), Some(expected), "{bad}");
        }
    }

    #[test]
    fn a_number_has_no_sign_no_leading_zero_and_no_unit() {
        assert_eq!(
            (natural("0"), natural("60"), natural("4294967295")),
            (Some(0), Some(60), Some(4_294_967_295))
        );
        for bad in ["", "01", "-1", "+1", "60s", "1e3", " 1", "99999999999"] {
            assert_eq!(natural(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_authority_of_a_resource_is_read_whole() {
        assert_eq!(authority("https://payments.shop:8443/v1/x"), Some("payments.shop:8443"));
        for bad in [
            "payments.shop",
            "https://",
            "ftp://a",
            "https://a@b",
            "https://a?b",
            "https://a#b",
            "https:///a",
        ] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
