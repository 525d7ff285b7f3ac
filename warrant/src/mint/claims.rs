//! Writes the payload of a link from its description.

use super::Root;
use crate::{
    Digest,
    arguments::{Constraint, Value},
    json::writer::{ObjectWriter, array, quoted},
    key::{PublicKey, Thumbprint},
    time::Seconds,
};

/// What a link grants, and to which holder.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The holder.
    pub sub: String,
    /// The holder's key.
    pub cnf: PublicKey,
    /// The meshes for which it is valid.
    pub aud: Vec<String>,
    /// The link's name.
    pub jti: String,
    /// When it is minted.
    pub iat: Seconds,
    /// The first second at which it is valid.
    pub nbf: Seconds,
    /// The end: the warrant is valid before this second.
    pub exp: Seconds,
    /// The deepest position that a delegation below it may have.
    pub max_depth: u64,
    /// How often it may be used.
    pub use_max: Option<u32>,
    /// Where it may be used.
    pub env: Vec<(String, Vec<String>)>,
    /// The measurements that it is bound to.
    pub att: Option<Vec<String>>,
    /// What it allows.
    pub details: Vec<GrantDetail>,
}

/// One `execution` detail to be granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantDetail {
    /// The canonical hosts.
    pub hosts: Vec<String>,
    /// The methods.
    pub methods: Vec<String>,
    /// The path patterns.
    pub paths: Vec<String>,
    /// The actions. `None` allows any action.
    pub actions: Option<Vec<String>>,
    /// The arguments that have a constraint.
    pub args: Vec<(String, Constraint)>,
}

pub(super) fn of_root(root: &Root) -> String {
    let mut claims = ObjectWriter::new();
    claims.text("iss", &root.iss);
    claims.text("txn", &root.txn);
    if let Some(starter) = &root.ini {
        let mut ini = ObjectWriter::new();
        ini.text("iss", &starter.iss);
        ini.text("sub", &starter.sub);
        claims.raw("ini", &ini.end());
    }
    for (name, value) in [("pol", &root.pol), ("dec", &root.dec)] {
        if let Some(value) = value {
            claims.text(name, value);
        }
    }
    if let Some(attr) = &root.attr {
        let mut texts = ObjectWriter::new();
        for (name, value) in [("run", &attr.run), ("agent", &attr.agent), ("purpose", &attr.purpose)] {
            if let Some(value) = value {
                texts.text(name, value);
            }
        }
        claims.raw("attr", &texts.end());
    }
    grant(&mut claims, &root.grant, 0);
    claims.end()
}

pub(super) fn of_link(own: &Grant, signer: Thumbprint, parent: Digest, depth: u64) -> String {
    let mut claims = ObjectWriter::new();
    claims.text("iss", &signer.uri());
    claims.text("parent", &parent.to_base64url());
    grant(&mut claims, own, depth);
    claims.end()
}

fn grant(claims: &mut ObjectWriter, grant: &Grant, depth: u64) {
    claims.text("sub", &grant.sub);
    claims.texts("aud", &grant.aud);
    claims.text("jti", &grant.jti);
    claims.number("iat", grant.iat.get());
    claims.number("nbf", grant.nbf.get());
    claims.number("exp", grant.exp.get());
    claims.raw("cnf", &format!(r#"{{"jwk":{}}}"#, grant.cnf.to_jwk_json()));
    claims.number("depth", depth);
    claims.number("max_depth", grant.max_depth);
    if let Some(max) = grant.use_max {
        claims.raw("use", &format!(r#"{{"max":{max}}}"#));
    }
    let mut env = ObjectWriter::new();
    for (dimension, values) in &grant.env {
        env.texts(dimension, values);
    }
    claims.raw("env", &env.end());
    if let Some(measurements) = &grant.att {
        let mut att = ObjectWriter::new();
        att.texts("measurement", measurements);
        claims.raw("att", &att.end());
    }
    claims.raw("authorization_details", &array(grant.details.iter().map(detail)));
}

fn detail(detail: &GrantDetail) -> String {
    let mut out = ObjectWriter::new();
    out.text("type", "execution");
    out.texts("hosts", &detail.hosts);
    out.texts("methods", &detail.methods);
    out.texts("paths", &detail.paths);
    if let Some(actions) = &detail.actions {
        out.texts("actions", actions);
    }
    if !detail.args.is_empty() {
        let mut args = ObjectWriter::new();
        for (name, bound) in &detail.args {
            args.raw(name, &constraint(bound));
        }
        out.raw("args", &args.end());
    }
    out.end()
}

fn constraint(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Exact(one) => format!(r#"{{"exact":{}}}"#, value(one)),
        Constraint::OneOf(values) => format!(r#"{{"one_of":{}}}"#, array(values.iter().map(value))),
        Constraint::Range(low, high) => format!(r#"{{"range":[{low},{high}]}}"#),
        Constraint::Any => r#"{"any":true}"#.to_owned(),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
    }
}
