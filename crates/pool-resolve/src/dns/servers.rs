//! One question to name servers: a name and a type of records.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use pool_driver::BoxError;

use super::error::{Reason, Unanswered};
use super::search::Search;
use crate::lookup::LookupError;

/// The most aliases in a row. hickory follows as many for addresses.
const ALIASES_MAX: usize = 8;

pub(super) struct Servers {
    resolver: TokioResolver,
    /// For messages.
    list: String,
}

/// The resolver is used on the Tokio thread alone, whose tasks catch panics.
impl UnwindSafe for Servers {}
impl RefUnwindSafe for Servers {}

/// What a server answers.
pub(super) struct Records {
    pub(super) answers: Vec<Record>,
    pub(super) additionals: Vec<Record>,
    pub(super) valid_for: Option<Duration>,
}

impl Servers {
    pub(super) fn new(search: Search) -> Result<Self, BoxError> {
        let list = search.servers();
        if list.is_empty() {
            return Err("there is no name server to ask".into());
        }
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(search.config, provider);
        *builder.options_mut() = search.options;
        Ok(Self { resolver: builder.build()?, list: list.join(", ") })
    }

    /// The records of one type.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Records, LookupError> {
        let no_records = match self.ask_once(name, kind).await? {
            Ok(records) => return Ok(records),
            Err(no_records) => no_records,
        };
        let negative = LookupError::NoSuchName { valid_for: no_records.negative_ttl.map(seconds) };
        if kind == RecordType::SRV {
            return self.follow_aliases(name, negative).await;
        }
        // hickory ends a chain of aliases without end with a denial that has no authority.
        let is_denied = no_records.response_code != ResponseCode::NoError || no_records.authorities.is_some();
        if !is_denied && self.alias(name).await?.is_some() {
            return Err(self.endless(name));
        }
        Err(negative)
    }

    /// Follows aliases to SRV records, which hickory does not.
    async fn follow_aliases(&self, name: &Name, negative: LookupError) -> Result<Records, LookupError> {
        let mut at = name.clone();
        let mut valid_for = None;
        for _ in 0..ALIASES_MAX {
            let Some((next, ttl)) = self.alias(&at).await? else { return Err(negative) };
            valid_for = shorter(valid_for, Some(ttl));
            if let Ok(records) = self.ask_once(&next, RecordType::SRV).await? {
                return Ok(Records { valid_for: shorter(records.valid_for, valid_for), ..records });
            }
            at = next;
        }
        Err(self.endless(name))
    }

    /// The name that an alias stands for, and its time to live.
    async fn alias(&self, name: &Name) -> Result<Option<(Name, Duration)>, LookupError> {
        let Ok(records) = self.ask_once(name, RecordType::CNAME).await? else { return Ok(None) };
        let target = records.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((target.0.clone(), seconds(record.ttl))),
            _ => None,
        });
        Ok(target)
    }

    async fn ask_once(
        &self,
        name: &Name,
        kind: RecordType,
    ) -> Result<Result<Records, NoRecords>, LookupError> {
        match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => {
                let (answers, additionals) = (lookup.answers().to_vec(), lookup.additionals().to_vec());
                let valid_for = answers.iter().map(|record| seconds(record.ttl)).min();
                Ok(Ok(Records { answers, additionals, valid_for }))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(no_records))) => Ok(Err(no_records)),
            Err(error) => {
                let name = name.to_string();
                let question = format!("{kind} of {}", name.trim_end_matches('.'));
                Err(self.failed(question, Reason::Net(error)))
            }
        }
    }

    fn endless(&self, name: &Name) -> LookupError {
        self.failed(name, Reason::Text("its CNAME records lead in a circle, or too far".to_owned()))
    }

    pub(super) fn timed_out(&self, name: impl fmt::Display, timeout: Duration) -> LookupError {
        self.failed(name, Reason::Text(format!("no answer within {timeout:?}")))
    }

    fn failed(&self, question: impl fmt::Display, reason: Reason) -> LookupError {
        Unanswered { question: question.to_string(), servers: self.list.clone(), reason }.into()
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Servers").field(&self.list).finish()
    }
}

pub(super) fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}

/// The shorter of the known durations.
pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
