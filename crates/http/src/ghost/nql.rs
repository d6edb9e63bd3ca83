//! NQL, the language of Ghost's filters: `tag:advice+published_at:>'2024-01-01',featured:true`.
//!
//! What is written is read here, and not what it means. Length, depth and number of terms are bounded, so that no filter
//! costs much.

use persistence::ghost::{Part, Relation};
use winnow::ascii::{multispace0, multispace1};
use winnow::combinator::{alt, cut_err, delimited, eof, not, opt, peek, preceded, repeat, separated};
use winnow::error::{ContextError, ErrMode};
use winnow::prelude::*;
use winnow::stream::Stateful;
use winnow::token::{any, none_of, one_of, take_while};

/// Longest filter, in bytes.
const MAX_LENGTH: usize = 2_000;
/// How deep groups may stand in each other.
const MAX_DEPTH: usize = 8;
/// Most terms of a filter.
const MAX_TERMS: usize = 50;

/// A filter, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Term(Term),
}

/// `field:value`, in any of its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// In lower case.
    pub(super) field: String,
    pub(super) not: bool,
    pub(super) asked: Asked,
}

/// What a term asks of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    OneOf(Vec<Value>),
    Holds(Part, String),
    Compares(Relation, Value),
}

/// A value; numbers, `true` and `false` are texts too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    /// So many of a unit from the present: `now-30d`.
    FromNow(i64, Unit),
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Read {
    depth: usize,
    terms: usize,
}

type Input<'a> = Stateful<&'a str, Read>;

/// Reads a filter; what is wrong with one is said as people read it.
pub(super) fn parse(filter: &str) -> Result<Expression, String> {
    if filter.len() > MAX_LENGTH {
        return Err(format!("Query Error: the filter is longer than {MAX_LENGTH} bytes"));
    }
    let input = Stateful { input: filter, state: Read::default() };
    delimited(multispace0, expression, multispace0).parse(input).map_err(|error| {
        let place = filter[..error.offset()].chars().count();
        format!("Query Error: the filter is not understood, or holds too much, at character {}", place + 1)
    })
}

/// `,` is "or"; it binds less than `+`.
fn expression(input: &mut Input<'_>) -> ModalResult<Expression> {
    let mut parts: Vec<_> = separated(1.., all, (multispace0, ',', multispace0)).parse_next(input)?;
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
}

/// `+` is "and". In an address that nobody encoded it has become a space.
fn all(input: &mut Input<'_>) -> ModalResult<Expression> {
    let plus = (multispace0, '+', multispace0).void();
    let mut parts: Vec<_> = separated(1.., factor, alt((plus, multispace1.void()))).parse_next(input)?;
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
}

fn factor(input: &mut Input<'_>) -> ModalResult<Expression> {
    alt((group, term.map(Expression::Term))).parse_next(input)
}

fn group(input: &mut Input<'_>) -> ModalResult<Expression> {
    ('(', multispace0).parse_next(input)?;
    input.state.depth += 1;
    if input.state.depth > MAX_DEPTH {
        return Err(ErrMode::Cut(ContextError::new()));
    }
    let inner = cut_err(expression).parse_next(input)?;
    cut_err((multispace0, ')')).parse_next(input)?;
    input.state.depth -= 1;
    Ok(inner)
}

fn term(input: &mut Input<'_>) -> ModalResult<Term> {
    let name = take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let field = (name, multispace0, ':', multispace0).map(|(name, ..): (&str, _, _, _)| name).parse_next(input)?;
    input.state.terms += 1;
    if input.state.terms > MAX_TERMS {
        return Err(ErrMode::Cut(ContextError::new()));
    }
    let (not, asked) = cut_err((opt('-').map(|minus| minus.is_some()), asked)).parse_next(input)?;
    Ok(Term { field: field.to_ascii_lowercase(), not, asked })
}

fn asked(input: &mut Input<'_>) -> ModalResult<Asked> {
    let list =
        delimited(('[', multispace0), separated(1.., value, (multispace0, ',', multispace0)), (multispace0, ']'));
    let part = alt(('^'.value(Part::Beginning), '$'.value(Part::End), ().value(Part::Any)));
    let relation = alt((
        ">=".value(Relation::From),
        "<=".value(Relation::Until),
        '>'.value(Relation::After),
        '<'.value(Relation::Before),
    ));
    alt((
        list.map(Asked::OneOf),
        preceded('~', (part, alt((quoted, literal)))).map(|(part, text)| Asked::Holds(part, text)),
        (relation, preceded(multispace0, value)).map(|(relation, value)| Asked::Compares(relation, value)),
        value.map(|value| Asked::OneOf(vec![value])),
    ))
    .parse_next(input)
}

fn value(input: &mut Input<'_>) -> ModalResult<Value> {
    alt((
        quoted.map(Value::Text),
        from_now,
        literal.map(|text| if text == "null" { Value::Null } else { Value::Text(text) }),
    ))
    .parse_next(input)
}

fn quoted(input: &mut Input<'_>) -> ModalResult<String> {
    let quote = one_of(['\'', '"']).parse_next(input)?;
    let letter = alt((preceded('\\', any), none_of(move |c| c == quote || c == '\\')));
    cut_err((repeat(0.., letter), quote)).map(|(text, _)| text).parse_next(input)
}

fn from_now(input: &mut Input<'_>) -> ModalResult<Value> {
    let sign = alt(('-'.value(-1), '+'.value(1)));
    let count = take_while(1..=6, |c: char| c.is_ascii_digit()).parse_to::<i64>();
    let unit = alt((
        's'.value(Unit::Second),
        'm'.value(Unit::Minute),
        'h'.value(Unit::Hour),
        'd'.value(Unit::Day),
        'w'.value(Unit::Week),
        'M'.value(Unit::Month),
        'y'.value(Unit::Year),
    ));
    let end = alt((eof.void(), peek(not(part_of_literal)).void()));
    let (_, sign, count, unit, ()) = ("now", sign, count, unit, end).parse_next(input)?;
    Ok(Value::FromNow(sign * count, unit))
}

fn literal(input: &mut Input<'_>) -> ModalResult<String> {
    repeat(1.., part_of_literal).parse_next(input)
}

fn part_of_literal(input: &mut Input<'_>) -> ModalResult<char> {
    let plain = none_of(|c: char| c.is_whitespace() || "+,()[]<>=~'\":\\".contains(c));
    alt((preceded('\\', any), plain)).parse_next(input)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    fn term(field: &str, not: bool, asked: Asked) -> Expression {
        Expression::Term(Term { field: field.into(), not, asked })
    }

    fn is(field: &str, value: &str) -> Expression {
        term(field, false, Asked::OneOf(vec![text(value)]))
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let (a, b, c) = (is("a", "1"), is("b", "2"), is("c", "3"));
        let read = |filter: &str| parse(filter).unwrap();
        let expected = Expression::Any(vec![Expression::All(vec![a.clone(), b.clone()]), c.clone()]);
        for written in ["a:1+b:2,c:3", " a:1 + b:2 , c:3 ", "(a:1+b:2),c:3", "a:1 b:2,c:3", "((a:1)+b:2),(c:3)"] {
            assert_eq!(read(written), expected, "{written}");
        }
        assert_eq!(read("a:1+(b:2,c:3)"), Expression::All(vec![a, Expression::Any(vec![b, c])]));
    }

    #[test]
    fn terms_are_read_in_all_their_forms() {
        for (written, not, asked) in [
            ("x:-true", true, Asked::OneOf(vec![text("true")])),
            ("X:null", false, Asked::OneOf(vec![Value::Null])),
            ("x:'null'", false, Asked::OneOf(vec![text("null")])),
            ("x:[a, 'b c',null]", false, Asked::OneOf(vec![text("a"), text("b c"), Value::Null])),
            ("x:-[a-b,c_d]", true, Asked::OneOf(vec![text("a-b"), text("c_d")])),
            (r"x:'it\'s'", false, Asked::OneOf(vec![text("it's")])),
            (r#"x:"say 'hi'""#, false, Asked::OneOf(vec![text("say 'hi'")])),
            (r"x:a\+b", false, Asked::OneOf(vec![text("a+b")])),
            ("x:größe", false, Asked::OneOf(vec![text("größe")])),
            ("x:~'a'", false, Asked::Holds(Part::Any, "a".into())),
            ("x:~^'a'", false, Asked::Holds(Part::Beginning, "a".into())),
            ("x:-~$'a'", true, Asked::Holds(Part::End, "a".into())),
            ("x:>=2024-01-01", false, Asked::Compares(Relation::From, text("2024-01-01"))),
            ("x:<'2024-01-01 10:00:00'", false, Asked::Compares(Relation::Before, text("2024-01-01 10:00:00"))),
            ("x:>now-30d", false, Asked::Compares(Relation::After, Value::FromNow(-30, Unit::Day))),
            ("x:<=now+1M", false, Asked::Compares(Relation::Until, Value::FromNow(1, Unit::Month))),
            ("x:now-30days", false, Asked::OneOf(vec![text("now-30days")])),
        ] {
            assert_eq!(parse(written), Ok(term("x", not, asked)), "{written}");
        }
    }

    #[test]
    fn what_is_not_a_filter_is_refused_with_its_place() {
        for wrong in [
            "", " ", "a", "a:", ":1", "a:1+", "a:1,,b:2", "(a:1", "a:1)", "a:[]", "a:[1", "a:'x", "a:~", "a:b:c", "+",
            "a::1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            parse("tag:a+x"),
            Err("Query Error: the filter is not understood, or holds too much, at character 6".into())
        );
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        assert!(parse(&vec!["a:1"; MAX_TERMS].join("+")).is_ok());
        assert!(parse(&vec!["a:1"; MAX_TERMS + 1].join(",")).is_err());
        assert!(parse(&format!("{}a:1{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH))).is_ok());
        for deep in [MAX_DEPTH + 1, 900] {
            assert!(parse(&format!("{}a:1{}", "(".repeat(deep), ")".repeat(deep))).is_err());
        }
        assert!(parse(&"(".repeat(2_000)).is_err());
        assert!(parse(&format!("a:{}", "x".repeat(2_000))).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(filter in "[a-c.:+,()\\[\\]<>=~^$'\"\\\\0-9 \u{e4}now-]{0,60}") {
            let _ = parse(&filter);
        }

        #[test]
        fn no_text_at_all_breaks_it(filter in ".{0,80}") {
            let _ = parse(&filter);
        }
    }
}
