//! The posture of the mesh, as policies see it.

/// How much the mesh allows. A halted mesh denies before it asks any policy, so policies never see `halted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posture {
    #[default]
    Normal,
    Restricted,
}

impl Posture {
    pub const ALL: [Self; 2] = [Self::Normal, Self::Restricted];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Restricted => "restricted",
        }
    }
}
