//! Ghost's redirects: `redirects.json`, or the older `redirects.yaml`.

use regex::Regex;
use serde_json::Value;

use super::file::Unreadable;

/// A rule: paths that match `from` lead to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// What the file says of the paths.
    pub from: String,
    /// The pattern that Ghost makes of it.
    pub pattern: String,
    /// Where it leads; `$1` stands for what the first group matched.
    pub to: String,
    /// Whether for good.
    pub permanent: bool,
    /// The one path that it is about, if it is about one.
    pub path: Option<String>,
    /// Why it cannot be carried.
    pub refused: Option<&'static str>,
}

/// Reads the rules of a file.
pub fn redirects(text: &str) -> Result<Vec<Redirect>, Unreadable> {
    let rules = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(rules)) => rules
            .iter()
            .map(|rule| {
                let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                (text("from"), text("to"), rule.get("permanent").and_then(Value::as_bool).unwrap_or(false))
            })
            .collect(),
        _ => yaml(text).ok_or_else(|| Unreadable("These are no redirects of Ghost: neither JSON nor YAML.".into()))?,
    };
    Ok(rules.into_iter().map(|(from, to, permanent)| rule(from, to, permanent)).collect())
}

/// The one form that Ghost's YAML has: `301:` or `302:`, and under it a line `from: to` for each rule.
fn yaml(text: &str) -> Option<Vec<(String, String, bool)>> {
    let mut permanent = None;
    let mut rules = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let unquoted = |text: &str| text.trim().trim_matches(|c| c == '"' || c == '\'').to_owned();
        if line.starts_with([' ', '\t']) {
            let (from, to) = line.split_once(": ")?;
            rules.push((unquoted(from), unquoted(to), permanent?));
        } else {
            permanent = Some(match line.trim().trim_end_matches(':') {
                "301" => true,
                "302" => false,
                _ => return None,
            });
        }
    }
    permanent.map(|_| rules)
}

fn rule(from: String, to: String, permanent: bool) -> Redirect {
    // As Ghost reads them: `/.../i` is a pattern that is not case-sensitive; the last slash is of no matter, unless a
    // pattern says where it ends.
    let written = from.strip_prefix('/').and_then(|from| from.strip_suffix("/i"));
    let (flags, written) = written.map_or(("", from.as_str()), |written| ("(?i)", written));
    let written = written.strip_suffix('/').unwrap_or(written);
    let end = if written.ends_with('$') { "" } else { "/?$" };
    let pattern = format!("{flags}{written}{end}");
    let refused = if from.is_empty() || to.is_empty() {
        Some("empty")
    } else if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| from.contains(look)) {
        Some("look_around")
    } else if Regex::new(&pattern).is_err() {
        Some("pattern")
    } else {
        None
    };
    let inner = written.trim_start_matches('^').trim_end_matches('$').trim_end_matches("/?");
    let inner = inner.trim_end_matches("\\/").replace("\\/", "/").replace("\\.", ".").replace("\\-", "-");
    let is_plain = !inner.contains(['\\', '(', '[', '*', '+', '?', '|', '{', '$', '^']) && inner.starts_with('/');
    let path = (refused.is_none() && is_plain && flags.is_empty()).then_some(inner);
    Redirect { from, pattern, to, permanent, path, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let json = r#"[{"from":"^/old/?$","to":"/new/","permanent":true},{"from":"^/a/(\\d+)$","to":"/b/$1"},{"from":"(?!x)","to":"/c"},{"from":"(","to":"/d"}]"#;
        let read = redirects(json).unwrap();
        assert_eq!((read[0].path.as_deref(), read[0].permanent), (Some("/old"), true));
        assert_eq!((read[1].path.as_deref(), read[1].refused), (None, None));
        assert_eq!((read[2].refused, read[3].refused), (Some("look_around"), Some("pattern")));
        let yaml = "301:\n  /old: /new/\n  \"/x\": 'https://example.org/y'\n\n302:\n  /b: /c\n";
        let read: Vec<_> =
            redirects(yaml).unwrap().into_iter().map(|rule| (rule.from, rule.to, rule.permanent)).collect();
        let expected = [("/old", "/new/", true), ("/x", "https://example.org/y", true), ("/b", "/c", false)];
        assert_eq!(read, expected.map(|(from, to, permanent)| (from.to_owned(), to.to_owned(), permanent)));
        for (from, pattern, path) in [
            ("/about-us/", "/about-us/?$", Some("/about-us")),
            ("/^\\/Old\\/([a-z]+)/i", "(?i)^\\/Old\\/([a-z]+)/?$", None),
            ("/about/i", "(?i)about/?$", None),
            ("^/tag/(.*)$", "^/tag/(.*)$", None),
        ] {
            let rule = rule(from.into(), "/".into(), true);
            assert_eq!((rule.pattern.as_str(), rule.path.as_deref(), rule.refused), (pattern, path, None));
        }
        assert!(redirects("nonsense").is_err() && redirects("{}").is_err());
    }
}
