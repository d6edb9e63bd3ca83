//! Where figures are measured: the publications, the processes, and the ways to compare.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::RunQueryDsl;
use domain::secrets::sha256;
use persistence::{DatabaseUrl, Db, Engine, Options, migrations};

use crate::data::{self, Size};
use crate::failure::{Result, refused};
use crate::machine::{Bare, Byline, Cluster, Cores, Load, Script, Store, Wrk, write_requests};

/// Everything that a figure needs.
pub struct Lab {
    /// Which core does what.
    pub cores: Cores,
    /// Where databases, scripts and logs lie.
    pub folder: PathBuf,
    /// PostgreSQL, from when it is first asked for.
    cluster: OnceCell<Cluster>,
    /// The load of 32 connections.
    pub wrk: Wrk,
    /// How often the two that are compared take turns.
    pub rounds: u32,
    /// Names the present schema: a publication of another one is not used.
    schema: String,
}

/// Two sides of a comparison: each with its rate, and its time on the processor per request.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    /// What is compared with.
    pub other: Side,
    /// Byline.
    pub byline: Side,
}

/// One side of a comparison, in medians.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Requests per second.
    pub rate: f64,
    /// Microseconds on the processor per request.
    pub micros: f64,
}

impl Lab {
    /// Starts what every figure needs.
    pub fn open(folder: &Path, seconds: u64, rounds: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let cores = Cores::find()?;
        let wrk = Wrk { cores, folder: folder.clone(), connections: 32, seconds };
        let schema = schema(&folder)?;
        Ok(Self { cores, folder, cluster: OnceCell::new(), wrk, rounds, schema })
    }

    /// PostgreSQL, which is started if nobody has asked for it yet.
    pub fn cluster(&self) -> Result<&Cluster> {
        if let Some(cluster) = self.cluster.get() {
            return Ok(cluster);
        }
        let cluster = Cluster::start(self.cores, &self.folder.join("postgres"))?;
        Ok(self.cluster.get_or_init(|| cluster))
    }

    /// Which publications of this size are not there yet, and the minutes and megabytes that each takes.
    pub fn missing(&self, articles: u64) -> Result<Vec<(Engine, u64, u64)>> {
        let mut missing = Vec::new();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            if !self.has(engine, articles)? {
                let url = self.store(engine, articles)?.url.parse::<DatabaseUrl>()?;
                let (minutes, megabytes) = Size { articles, seed: data::SEED }.cost(&url);
                missing.push((engine, minutes, megabytes));
            }
        }
        Ok(missing)
    }

    /// A publication, made if it is not there yet.
    pub fn publication(&self, engine: Engine, articles: u64) -> Result<Store> {
        let store = self.store(engine, articles)?;
        if self.has(engine, articles)? {
            return Ok(store);
        }
        let size = Size { articles, seed: data::SEED };
        let (_, megabytes) = size.cost(&store.url.parse::<DatabaseUrl>()?);
        if self.free_megabytes()? < megabytes + megabytes / 5 {
            // Room for the largest on one engine at a time.
            self.remove(if engine == Engine::Sqlite { Engine::Postgres } else { Engine::Sqlite }, articles)?;
        }
        let _ = fs::remove_file(&store.secrets);
        match engine {
            Engine::Sqlite => {
                let path = self.sqlite(articles);
                let draft = path.with_extension("new");
                let _ = fs::remove_file(&draft);
                data::generate(&DatabaseUrl::Sqlite(draft.clone()), &store.secrets, size)?;
                fs::rename(draft, path)?;
            }
            Engine::Postgres => {
                let (name, cluster) = (self.database(articles), self.cluster()?);
                cluster.psql(&format!("DROP DATABASE IF EXISTS {name}_new"))?;
                cluster.psql(&format!("CREATE DATABASE {name}_new"))?;
                let url: DatabaseUrl = cluster.url(&format!("{name}_new")).parse()?;
                data::generate(&url, &store.secrets, size)?;
                cluster.psql(&format!("ALTER DATABASE {name}_new RENAME TO {name}"))?;
            }
        }
        Ok(store)
    }

    /// A copy of a publication, to be written to.
    pub fn copy(&self, engine: Engine, articles: u64) -> Result<Store> {
        let store = self.publication(engine, articles)?;
        let url = match engine {
            Engine::Sqlite => {
                let copy = self.folder.join("copy.db");
                remove_sqlite(&copy);
                fs::copy(self.sqlite(articles), &copy)?;
                format!("sqlite://{}", copy.display())
            }
            Engine::Postgres => {
                let cluster = self.cluster()?;
                cluster.psql("DROP DATABASE IF EXISTS copy")?;
                cluster.psql(&format!("CREATE DATABASE copy TEMPLATE {}", self.database(articles)))?;
                cluster.url("copy")
            }
        };
        Ok(Store { url, ..store })
    }

    /// A running Byline on a publication, with so many megabytes for its cache.
    pub fn byline(&self, store: &Store, cache: u32) -> Result<Byline> {
        Byline::start(self.cores, &self.folder, store, cache)
    }

    /// Writes the requests of a load.
    pub fn requests(&self, name: &str, paths: &[String]) -> Result<PathBuf> {
        let file = self.folder.join(format!("{name}.requests"));
        write_requests(&file, paths)?;
        Ok(file)
    }

    /// Byline beside a bare route that gives the same answers: they take turns, and the medians count.
    pub fn beside_bare(&self, byline: &Byline, paths: &[String]) -> Result<Compared> {
        let requests = self.requests("compared", paths)?;
        let bare = Bare::start(self.cores, &self.folder, byline, &requests)?;
        self.in_turns(&self.wrk, &requests, (&bare.origin, || bare.cpu()), byline)
    }

    /// Byline beside another server (where it is, and its time on the processor so far), under the same load: they take
    /// turns, and the medians count.
    pub fn in_turns(
        &self,
        wrk: &Wrk,
        requests: &Path,
        (other, cpu_of_other): (&str, impl Fn() -> Result<f64>),
        byline: &Byline,
    ) -> Result<Compared> {
        let warm = wrk.seconds(1);
        warm.run(other, Script::Reads, requests)?;
        warm.run(&byline.origin, Script::Reads, requests)?;
        let (mut others, mut bylines) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            others.push(side(&cpu_of_other, || wrk.run(other, Script::Reads, requests))?);
            bylines.push(side(|| byline.cpu(), || wrk.run(&byline.origin, Script::Reads, requests))?);
        }
        Ok(Compared { other: Side::median(&others), byline: Side::median(&bylines) })
    }

    fn store(&self, engine: Engine, articles: u64) -> Result<Store> {
        let url = match engine {
            Engine::Sqlite => format!("sqlite://{}", self.sqlite(articles).display()),
            Engine::Postgres => self.cluster()?.url(&self.database(articles)),
        };
        let secrets = self.folder.join(format!("{engine:?}-{}.secrets.json", self.database(articles)));
        Ok(Store { url, secrets })
    }

    fn has(&self, engine: Engine, articles: u64) -> Result<bool> {
        Ok(match engine {
            Engine::Sqlite => self.sqlite(articles).exists(),
            Engine::Postgres => {
                let name = self.database(articles);
                let found = self.cluster()?.psql(&format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"))?;
                found == "1"
            }
        })
    }

    /// Megabytes that are free where databases lie.
    pub fn free_megabytes(&self) -> Result<u64> {
        let output = Command::new("df").args(["--block-size=1M", "--output=avail"]).arg(&self.folder).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().last().unwrap_or_default().trim().parse()?)
    }

    fn remove(&self, engine: Engine, articles: u64) -> Result<()> {
        if !self.has(engine, articles)? {
            return Ok(());
        }
        eprintln!("  deleting the {articles} articles in {engine:?} to make room");
        match engine {
            Engine::Sqlite => remove_sqlite(&self.sqlite(articles)),
            Engine::Postgres => drop(self.cluster()?.psql(&format!("DROP DATABASE {}", self.database(articles)))?),
        }
        Ok(())
    }

    fn sqlite(&self, articles: u64) -> PathBuf {
        self.folder.join(format!("{}.db", self.database(articles)))
    }

    fn database(&self, articles: u64) -> String {
        format!("articles_{articles}_{}", self.schema)
    }
}

/// Removes a database, and what a server that was killed left beside it.
fn remove_sqlite(path: &Path) {
    for end in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(path.with_extension(end));
    }
}

/// Loads one side, and sees what it used meanwhile.
pub fn side(cpu: impl Fn() -> Result<f64>, load: impl Fn() -> Result<Load>) -> Result<Side> {
    let before = cpu()?;
    let load = load()?;
    let used = cpu()? - before;
    Ok(Side { rate: load.rate(), micros: used / load.requests })
}

impl Side {
    /// The medians of several.
    pub fn median(sides: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(sides.iter().map(value).collect());
        Self { rate: of(|side| side.rate), micros: of(|side| side.micros) }
    }
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A short name for the tables as they are now.
fn schema(folder: &Path) -> Result<String> {
    #[derive(diesel::QueryableByName)]
    struct Sql {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let path = folder.join("schema.db");
    let _ = fs::remove_file(&path);
    let db = Db::open(&Options { url: DatabaseUrl::Sqlite(path.clone()), create: true, connections: 1 })?;
    migrations::run(&db).map_err(refused)?;
    let query = "SELECT group_concat(sql, ';') AS text FROM (SELECT sql FROM sqlite_master ORDER BY name)";
    let sql: Sql = db.read_blocking(|conn| Ok(diesel::sql_query(query).get_result(conn)?)).map_err(refused)?;
    drop(db);
    fs::remove_file(path)?;
    Ok(sha256(sql.text)[..8].to_owned())
}
