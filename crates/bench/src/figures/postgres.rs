//! Reads from PostgreSQL, beside `pgbench` running the same prepared queries with the same values.
//!
//! Both share one core with the database. The queries are those that the database's log shows of a running Byline.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use persistence::Engine;

use super::{ARTICLES, Figure, at_least, beside, reads};
use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::lab::{Compared, Lab, Side, median, side};
use crate::machine::{Script, Scripts, Store};

/// How many different requests are asked for. `pgbench` prepares the queries of each anew, which takes its time.
const SCRIPTS: usize = 5;
/// As many connections as take turns at such reads in Byline, on one core. With 8, `pgbench` is a tenth slower.
const CONNECTIONS: u32 = 2;

/// Single articles.
pub fn single(lab: &Lab) -> Result<Vec<Figure>> {
    line(lab, "single article, cache off, PostgreSQL", &some(&reads::thousand(ARTICLES)))
}

/// Lists of a subtree.
pub fn subtree(lab: &Lab) -> Result<Vec<Figure>> {
    line(lab, "list of ten of a category subtree, cache off, PostgreSQL", &some(&reads::subtrees()))
}

/// A few of them, evenly spread.
fn some(paths: &[String]) -> Vec<String> {
    paths.iter().step_by(paths.len() / SCRIPTS).cloned().collect()
}

fn line(lab: &Lab, what: &str, paths: &[String]) -> Result<Vec<Figure>> {
    let store = lab.publication(Engine::Postgres, ARTICLES)?;
    let requests = seen_queries(lab, &store, paths)?;
    let queries = requests.iter().map(Vec::len).max().unwrap_or(0);
    let (compared, share) = compare(lab, &store, paths, &requests)?;
    // A core that is busy all the time does as many as its time allows: what else runs on it does not matter so.
    let ratio = compared.other.micros / compared.byline.micros;
    let of_database = compared.byline.micros * share;
    let seen = format!("{}, {of_database:.0} of them PostgreSQL's; {queries} queries", beside("pgbench", &compared));
    Ok(vec![at_least(what, "`pgbench` with the same prepared queries", 0.5, ratio, seen)])
}

/// The comparison, and which share of Byline's time is the database's.
fn compare(lab: &Lab, store: &Store, paths: &[String], requests: &[Vec<Query>]) -> Result<(Compared, f64)> {
    let scripts = write_scripts(lab, requests)?;
    let database = database(store)?;
    let byline = lab.byline(store, 0)?;
    let file = lab.requests("postgres", paths)?;
    let cpu = || Ok(byline.cpu()? + lab.cluster()?.cpu()?);
    lab.wrk.seconds(1).run(&byline.origin, Script::Reads, &file)?;
    let (mut others, mut bylines, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lab.rounds {
        let seconds = lab.wrk.seconds + 1;
        let bench = lab.cluster()?.pgbench(&database, &scripts, CONNECTIONS, seconds)?;
        others.push(Side { rate: bench.rate, micros: bench.cpu / bench.count });
        let before = (byline.cpu()?, lab.cluster()?.cpu()?);
        bylines.push(side(cpu, || lab.wrk.run(&byline.origin, Script::Reads, &file))?);
        let (own, database) = (byline.cpu()? - before.0, lab.cluster()?.cpu()? - before.1);
        shares.push(database / (own + database));
    }
    Ok((Compared { other: Side::median(&others), byline: Side::median(&bylines) }, median(shares)))
}

fn database(store: &Store) -> Result<String> {
    let path = store.url.split('?').next().unwrap_or_default();
    Ok(path.rsplit('/').next().ok_or("the URL names no database")?.to_owned())
}

/// One query as the log shows it, with the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
struct Query {
    text: String,
    values: Vec<String>,
}

impl Query {
    /// Its text with every row of parameters as one: lists of identities are longer and shorter.
    fn shape(&self) -> String {
        let mut shape = String::new();
        for word in self.text.split(' ') {
            let kept: String = word.chars().filter(|char| !char.is_ascii_digit()).collect();
            if kept.trim_matches(['(', ')', ',']) != "$" || !shape.ends_with('$') {
                shape.push_str(kept.trim_end_matches([')', ',']));
            }
        }
        shape
    }
}

/// The queries of each request, in their order.
fn seen_queries(lab: &Lab, store: &Store, paths: &[String]) -> Result<Vec<Vec<Query>>> {
    let logging = Store { url: format!("{}&options=-c%20log_min_duration_statement%3D0", store.url), ..store.clone() };
    let byline = lab.byline(&logging, 0)?;
    let client = Client::new(&byline.origin);
    let log = || Ok::<_, Failure>(String::from_utf8_lossy(&fs::read(lab.cluster()?.log())?).into_owned());
    let mut requests = Vec::new();
    for path in paths {
        // Once to prepare; what background work asks meanwhile is sorted out below.
        client.get(path, &[])?.expect(200)?;
        let before = log()?.len();
        client.get(path, &[])?.expect(200)?;
        std::thread::sleep(Duration::from_millis(20));
        requests.push(queries(log()?.get(before..).unwrap_or_default()));
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for queries in &requests {
        let mut shapes: Vec<String> = queries.iter().map(Query::shape).collect();
        shapes.sort();
        shapes.dedup();
        for shape in shapes {
            *seen.entry(shape).or_default() += 1;
        }
    }
    // What only a few requests were accompanied by is not theirs.
    for queries in &mut requests {
        queries.retain(|query| seen.get(&query.shape()).is_some_and(|count| count * 2 > paths.len()));
    }
    if requests.iter().any(Vec::is_empty) {
        return Err(Failure("the database's log shows no queries".into()));
    }
    Ok(requests)
}

/// The queries that a part of the log shows.
fn queries(log: &str) -> Vec<Query> {
    // A line that begins with a tab goes on with the one before.
    let log = log.replace("\n\t", " ");
    let mut queries: Vec<Query> = Vec::new();
    // Other steps (parse, bind) have values beneath them too.
    let mut executed = false;
    for line in log.lines() {
        if let Some(parameters) = line.strip_prefix("DETAIL:  parameters: ") {
            if let Some(query) = queries.last_mut().filter(|_| executed) {
                query.values = values(parameters);
            }
            continue;
        }
        let prepared = line.split_once("  execute ").and_then(|(_, text)| text.split_once(": "));
        let text = prepared.or_else(|| line.split_once("  statement: ")).map(|(_, text)| text.to_owned());
        executed = text.is_some();
        queries.extend(text.map(|text| Query { text, values: Vec::new() }));
    }
    queries
}

/// The values in `$1 = 'one', $2 = 'an''other'`.
fn values(parameters: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = parameters;
    while let Some((_, quoted)) = rest.split_once(" = '") {
        let mut value = String::new();
        let mut chars = quoted.char_indices().peekable();
        let mut end = quoted.len();
        while let Some((at, char)) = chars.next() {
            match char {
                '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                    chars.next();
                    value.push('\'');
                }
                '\'' => {
                    end = at + 1;
                    break;
                }
                char => value.push(char),
            }
        }
        values.push(value);
        rest = quoted.get(end..).unwrap_or_default();
    }
    values
}

/// One script per request, and the values as variables, so that `pgbench` sends them as parameters too.
fn write_scripts(lab: &Lab, requests: &[Vec<Query>]) -> Result<Scripts> {
    let mut files = Vec::new();
    let mut variables = Vec::new();
    for (number, queries) in requests.iter().enumerate() {
        let mut script = String::new();
        for (index, query) in queries.iter().enumerate() {
            let mut text = query.text.clone();
            // From the last to the first: `$1` begins `$10`.
            for (place, value) in query.values.iter().enumerate().rev() {
                let name = format!("v{number}_{index}_{place}");
                text = text.replace(&format!("${}", place + 1), &format!(":{name}"));
                variables.push((name, value.clone()));
            }
            script.push_str(text.trim_end_matches(';'));
            script.push_str(";\n");
        }
        let path = lab.folder.join(format!("request-{number}.sql"));
        fs::write(&path, script)?;
        files.push(path);
    }
    Ok(Scripts { files, variables })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_from_the_log_with_their_values() {
        let log = "LOG:  duration: 0.1 ms  parse s: SELECT 1\n\
                   LOG:  duration: 0.02 ms  execute __diesel_stmt_0: SELECT a\n\tFROM b WHERE c IN ($1, $2)\n\
                   DETAIL:  parameters: $1 = 'it''s, $2 = ''x''', $2 = '7'\n\
                   LOG:  duration: 0.1 ms  bind __diesel_stmt_1: SELECT 2\n\
                   DETAIL:  parameters: $1 = 'another'\n\
                   LOG:  duration: 0.02 ms  execute __diesel_stmt_1: SELECT 2\n";
        let seen = queries(log);
        assert_eq!(seen[0].text, "SELECT a FROM b WHERE c IN ($1, $2)");
        assert_eq!(seen[0].values, ["it's, $2 = 'x'", "7"]);
        assert_eq!((seen[1].text.as_str(), seen[1].values.len(), seen.len()), ("SELECT 2", 0, 2));
    }

    #[test]
    fn lists_of_any_length_have_one_shape() {
        let shape = |text: &str| Query { text: text.into(), values: Vec::new() }.shape();
        assert_eq!(shape("a IN ($1, $2, $3) AND b = $4"), shape("a IN ($1) AND b = $2"));
        assert_ne!(shape("a IN ($1) AND b = $2"), shape("a IN ($1) AND c = $2"));
    }
}
