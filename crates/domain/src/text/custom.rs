//! The object of custom fields that an article may carry.

use serde_json::Value;

use crate::error::Wrong;

use super::plain::at_most;

/// Largest object, in bytes as it is stored.
const MAX_BYTES: usize = 16 * 1024;
/// Deepest nesting; the object itself is the first level.
const MAX_DEPTH: usize = 8;
/// Most keys, those of nested objects included.
const MAX_KEYS: usize = 200;

/// Checks that custom fields are an object of bounded size, depth and number of keys, without U+0000.
pub fn check_custom(custom: &Value) -> Result<(), Wrong> {
    if !custom.is_object() {
        return Err(("invalid_custom", "Use a JSON object.".into()));
    }
    let mut keys = 0;
    let mut waiting = vec![(custom, 1)];
    while let Some((value, depth)) = waiting.pop() {
        match value {
            Value::Object(members) => {
                check_depth(depth)?;
                keys += members.len();
                members.keys().try_for_each(|key| check_text(key))?;
                waiting.extend(members.values().map(|value| (value, depth + 1)));
            }
            Value::Array(items) => {
                check_depth(depth)?;
                waiting.extend(items.iter().map(|value| (value, depth + 1)));
            }
            Value::String(text) => check_text(text)?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    if keys > MAX_KEYS {
        return Err(("too_many_keys", format!("Use at most {MAX_KEYS} keys in all.")));
    }
    at_most(custom.to_string().len(), MAX_BYTES, "bytes of JSON")
}

fn check_depth(depth: usize) -> Result<(), Wrong> {
    if depth <= MAX_DEPTH { Ok(()) } else { Err(("too_deep", format!("Nest at most {MAX_DEPTH} levels."))) }
}

fn check_text(text: &str) -> Result<(), Wrong> {
    if text.contains('\0') {
        return Err(("invalid_characters", "Remove the character U+0000, which PostgreSQL cannot store.".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn small_objects_pass() {
        assert_eq!(check_custom(&json!({"rating": 4.5, "tags": ["a", {"b": null}]})), Ok(()));
        assert_eq!(check_custom(&nested(8)), Ok(()));
    }

    #[test]
    fn each_limit_has_its_code() {
        let many: serde_json::Map<_, _> = (0..201).map(|n| (n.to_string(), json!(n))).collect();
        for (custom, code) in [
            (json!([]), "invalid_custom"),
            (json!("a"), "invalid_custom"),
            (nested(9), "too_deep"),
            (json!({"a": [[[[[[[[1]]]]]]]]}), "too_deep"),
            (Value::Object(many), "too_many_keys"),
            (json!({"a": "x".repeat(16 * 1024)}), "too_long"),
            (json!({"a": ["\0"]}), "invalid_characters"),
            (json!({"\0": 1}), "invalid_characters"),
        ] {
            assert_eq!(check_custom(&custom).unwrap_err().0, code, "{custom}");
        }
    }
}
