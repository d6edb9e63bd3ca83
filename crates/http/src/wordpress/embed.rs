//! `_embed`: what a thing links to, inside it.

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Embed {
    /// Nothing.
    None,
    /// Everything that can be.
    All,
    /// What these relations lead to.
    These(Vec<String>),
}

impl Embed {
    /// Reads the parameter, if it was sent.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            None | Some("0" | "false") => Self::None,
            Some("" | "1" | "true") => Self::All,
            Some(list) => {
                let rels = list.split([',', ' ']).filter(|rel| !rel.is_empty()).map(str::to_owned).collect::<Vec<_>>();
                if rels.is_empty() { Self::All } else { Self::These(rels) }
            }
        }
    }

    /// Whether what this relation leads to is wanted.
    pub(super) fn wants(&self, rel: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::These(rels) => rels.iter().any(|one| one == rel),
        }
    }
}
