//! The CSV of Ghost's members.

use std::io::Read;

use domain::Timestamp;

use super::file::{Unreadable, date};

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which row of the file, from 2 on.
    pub row: u64,
    /// Where its row begins in the file, in bytes.
    pub at: u64,
    /// Its identity there.
    pub id: String,
    /// Its address, as it stands there.
    pub email: String,
    /// Whether it receives mails.
    pub subscribed: bool,
    /// Since when.
    pub created_at: Option<Timestamp>,
}

/// Reads the members one by one; a row that cannot be read is an error of its own.
pub fn members(file: impl Read) -> Result<impl Iterator<Item = Result<Member, Unreadable>>, Unreadable> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let unreadable = |error: &csv::Error| Unreadable(format!("This is no CSV: {error}."));
    let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let column = |names: &[&str]| {
        header
            .iter()
            .position(|name| names.iter().any(|known| name.trim_start_matches('\u{feff}').eq_ignore_ascii_case(known)))
    };
    let Some(email) = column(&["email"]) else {
        return Err(Unreadable("The file has no column `email`: is it the export of Ghost's members?".into()));
    };
    let id = column(&["id"]);
    let subscribed = column(&["subscribed_to_emails", "subscribed"]);
    let created = column(&["created_at"]);
    let deleted = column(&["deleted_at"]);
    Ok(reader.into_records().zip(2..).map(move |(record, row)| {
        let record = record.map_err(|error| unreadable(&error))?;
        let field = |column: Option<usize>| column.and_then(|column| record.get(column)).unwrap_or_default();
        let word = field(subscribed).to_ascii_lowercase();
        Ok(Member {
            row,
            at: record.position().map_or(0, csv::Position::byte),
            id: field(id).to_owned(),
            // What a spreadsheet could take for a formula may have been quoted.
            email: field(Some(email)).trim_start_matches('\'').to_owned(),
            subscribed: (subscribed.is_none() || !matches!(word.as_str(), "" | "false" | "0" | "no"))
                && field(deleted).is_empty(),
            created_at: date(field(created)),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_row_by_row() {
        let file = "id,email,name,note,subscribed_to_emails,created_at,deleted_at\n\
                    a,ann@example.org,Ann,\"x, y\",true,2020-01-02T03:04:05.000Z,\n\
                    b, bo@example.org ,,,false,,\n\
                    c,cy@example.org\n";
        let all: Vec<Member> = members(file.as_bytes()).unwrap().map(Result::unwrap).collect();
        let seen: Vec<_> = all.iter().map(|member| (member.row, member.email.as_str(), member.subscribed)).collect();
        assert_eq!(seen, [(2, "ann@example.org", true), (3, "bo@example.org", false), (4, "cy@example.org", false)]);
        assert!(all[0].created_at.is_some());
        assert!(members("name\nAnn\n".as_bytes()).is_err());
    }
}
