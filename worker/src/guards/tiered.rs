//! `qos/ratelimit/tiered` (Enterprise): how often an endpoint may be asked, by the plan of who asks.
//!
//! On the way: a look at one field, then that plan's limits, before those of the service and the endpoint: what is
//! refused for its plan takes nothing from the others. A block costs nothing where it does not stand.
//! Documented: the field `tier_key` names the plan, the first tier that fits it counts: by its name, by an expression on it
//! (`policy`), or everybody (`*`). Here `*` also fits who names no plan, so that leaving the field out frees nobody; what is
//! not built (Redis), and an expression that cannot be evaluated, refuses the start.

use std::sync::Arc;

use baton_shared::config::model::Namespace;
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;

use super::Refusal;
use super::cel::OfValue;
use super::rate_limit::{self, RateConfig, RateLimit, Tokens};
use crate::plan::Compiler;
use crate::plan::settings::{member, string};
use crate::plan::soft::SoftPlan;
use crate::proxy::Asked;

/// The namespace.
pub(crate) const NAME: &str = "qos/ratelimit/tiered";

/// One block, for one endpoint.
#[derive(Debug)]
pub(crate) struct Tiered {
    key: Box<str>,
    tiers: Box<[(Fits, Option<RateLimit>)]>,
}

/// Whose tier it is: `tier_value_as`.
#[derive(Clone, Debug)]
enum Fits {
    /// `literal`: who names exactly this.
    Plan(Box<str>),
    /// `policy`: who names one that this holds for.
    Policy(Arc<OfValue>),
    /// `*`
    Everybody,
}

/// The block as it is for all endpoints.
#[derive(Clone, Debug)]
pub(crate) struct TieredConfig {
    at: JsonPointer,
    key: Box<str>,
    tiers: Vec<(Fits, RateConfig)>,
}

impl Fits {
    fn takes(&self, plan: Option<&[u8]>) -> bool {
        match self {
            Self::Plan(name) => plan == Some(name.as_bytes()),
            Self::Policy(policy) => plan.is_some_and(|plan| policy.holds_for(plan)),
            Self::Everybody => true,
        }
    }
}

impl Tiered {
    /// Lets a request pass, or not.
    pub(crate) fn check(&self, soft: &SoftPlan, asked: &Asked<'_>) -> Result<(), Refusal> {
        let plan = rate_limit::field(asked.head, &self.key);
        match self.tiers.iter().find(|(fits, _)| fits.takes(plan)) {
            Some((_, Some(limit))) => limit.check(soft, asked),
            Some((_, None)) | None => Ok(()),
        }
    }
}

/// Claims by which tiers tell clients apart.
pub(crate) fn claims(settings: &Node) -> impl Iterator<Item = &str> {
    let limits = tiers(settings).iter().filter_map(|tier| member(tier, "ratelimit"));
    limits.filter_map(rate_limit::claim)
}

fn tiers(settings: &Node) -> &[Node] {
    match member(settings, "tiers").map(|tiers| &tiers.value) {
        Some(Value::Array(tiers)) => tiers,
        _ => &[],
    }
}

/// Reads a block; `owner` says whose it is. One that cannot be used refuses the start.
pub(crate) fn read(
    compiler: &mut Compiler<'_>,
    block: &Namespace,
    owner: &str,
) -> Option<TieredConfig> {
    let key = string(&block.settings, "tier_key").filter(|key| !key.is_empty());
    if key.is_none() {
        let text = "must name the header that holds the plan, such as \"X-Plan\"";
        compiler.refuse(&block.at.key("tier_key"), text);
    }
    let (at, list) = (block.at.key("tiers"), tiers(&block.settings));
    if list.is_empty() {
        compiler.refuse(&at, "must be a list of tiers, of at least one");
    }
    let owner = format!("{NAME}\0{owner}\0{}", key.unwrap_or_default());
    let mut read: Vec<(Fits, RateConfig)> = Vec::new();
    let ends =
        |read: &[(Fits, RateConfig)]| read.iter().any(|(fits, _)| matches!(fits, Fits::Everybody));
    for (index, tier) in list.iter().enumerate() {
        let at = at.index(index);
        if ends(&read) {
            compiler.tell(&at, "is never reached: a tier before it is for `*`");
        }
        read.extend(one(compiler, tier, &at, &owner));
    }
    // One that was refused is not missed twice.
    if read.len() == list.len() && !ends(&read) {
        let text =
            "limit nobody who names another plan, or none: end them with \"tier_value_as\": \"*\"";
        compiler.tell(&at, text);
    }
    Some(TieredConfig { at, key: key?.into(), tiers: read })
}

fn one(
    compiler: &mut Compiler<'_>,
    tier: &Node,
    at: &JsonPointer,
    owner: &str,
) -> Option<(Fits, RateConfig)> {
    let value = string(tier, "tier_value").unwrap_or_default();
    let kind = string(tier, "tier_value_as").unwrap_or("literal");
    let fits = match kind {
        "literal" => Fits::Plan(value.into()),
        "*" => Fits::Everybody,
        "policy" => match OfValue::compile(value) {
            Ok(policy) => Fits::Policy(Arc::new(policy)),
            Err(why) => {
                let text = format!("cannot be evaluated: {why}");
                compiler.refuse(&at.key("tier_value"), text);
                return None;
            },
        },
        other => {
            let text = format!("`{other}` is not known; there are literal, policy and *");
            compiler.refuse(&at.key("tier_value_as"), text);
            return None;
        },
    };
    if member(tier, "ratelimit_redis").is_some() {
        compiler.refuse(&at.key("ratelimit_redis"), "is not built: use `ratelimit`");
        return None;
    }
    let limit_at = at.key("ratelimit");
    let Some(limit) = member(tier, "ratelimit").filter(|limit| is_object(limit)) else {
        compiler.refuse(&limit_at, "must be an object: the limits of this tier");
        return None;
    };
    let owner = match &fits {
        Fits::Plan(_) | Fits::Policy(_) => format!("{owner}\0{kind}\0{value}"),
        Fits::Everybody => format!("{owner}\0*"),
    };
    Some((fits, compiler.rate_config(limit, &limit_at, &owner)))
}

const fn is_object(node: &Node) -> bool {
    matches!(node.value, Value::Object(_))
}

impl TieredConfig {
    /// The tiers as they are for an endpoint with this route.
    pub(crate) fn compile(
        &self,
        route: &str,
        tokens: Tokens,
        mut tell: impl FnMut(&JsonPointer, String),
    ) -> Tiered {
        let tiers = self.tiers.iter().enumerate().map(|(index, (fits, limits))| {
            let at = self.at.index(index).key("ratelimit");
            let limit = limits.compile(route, tokens, |key, text| tell(&at.key(key), text));
            (fits.clone(), limit)
        });
        Tiered { key: self.key.clone(), tiers: tiers.collect() }
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::{Format, read};

    use crate::guards::client_ip::ClientAddress;
    use crate::harness;
    use crate::plan::{CompileOptions, Plan, compile};
    use crate::route::Params;
    use crate::route::tests::head;

    use super::*;

    fn plan(block: &str) -> Result<Plan, String> {
        let mut config = harness::service(harness::endpoint("no-op", &[]));
        let document = read(Format::Json, format!("{{\"x\": {block}}}").as_bytes()).unwrap();
        let settings = member(&document.root, "x").unwrap().clone();
        let endpoint = config.endpoints.first_mut().unwrap();
        let namespace = Namespace { at: endpoint.at.key("x"), spelling: NAME.to_owned(), settings };
        endpoint.extra_config.namespaces.insert(NAME.to_owned(), namespace);
        let options = CompileOptions { threads: 1, ..CompileOptions::default() };
        compile(&config, &options).map_err(|invalid| invalid.text)
    }

    /// How many of ten requests pass.
    fn passes(plan: &Plan, fields: &[(&str, &str)]) -> usize {
        let (head, params) = (head("GET /a", fields), Params::none());
        let asked = Asked::new(&head, ClientAddress::Forwarded("1.1.1.1"), &params);
        let guards = plan.endpoints[0].guards.as_ref().unwrap();
        let passes =
            |_: &usize| guards.tiers.iter().all(|one| one.check(&plan.soft, &asked).is_ok());
        (0..10).filter(passes).count()
    }

    fn tier(value: &str, capacity: usize) -> String {
        format!(r#"{{{value}"ratelimit":{{"max_rate":0.001,"capacity":{capacity}}}}}"#)
    }

    #[test]
    fn the_first_tier_that_fits_counts_and_a_star_fits_those_without_a_plan_too() {
        let gold = tier(r#""tier_value":"gold","#, 5);
        let again = tier(r#""tier_value":"gold","tier_value_as":"literal","#, 9);
        let star = tier(r#""tier_value_as":"*","#, 2);
        let block = format!(r#"{{"tier_key":"x-plan","tiers":[{gold},{again},{star}]}}"#);
        let limited = plan(&block).unwrap();
        assert_eq!(passes(&limited, &[("X-Plan", "gold")]), 5);
        assert_eq!(passes(&limited, &[("X-Plan", "Gold")]), 2, "another plan");
        assert_eq!(passes(&limited, &[]), 0, "counted with it");
        let open = plan(&format!(r#"{{"tier_key":"x-plan","tiers":[{gold}]}}"#)).unwrap();
        assert_eq!(passes(&open, &[("X-Plan", "gold"), ("X-Plan", "none")]), 5);
        assert_eq!(passes(&open, &[("X-Plan", "none"), ("X-Plan", "gold")]), 10);
    }

    #[test]
    fn a_policy_takes_the_plans_that_it_holds_for_and_nobody_without_one() {
        let by = |policy: &str, capacity| {
            tier(&format!(r#""tier_value":"{policy}","tier_value_as":"policy","#), capacity)
        };
        let (gold, users) = (by("value == 'gold'", 5), by("value.matches('^User-')", 3));
        let limited =
            plan(&format!(r#"{{"tier_key":"x-plan","tiers":[{gold},{users}]}}"#)).unwrap();
        assert_eq!(passes(&limited, &[("X-Plan", "gold")]), 5);
        assert_eq!(passes(&limited, &[("X-Plan", "User-1")]), 3);
        assert_eq!(passes(&limited, &[("X-Plan", "User-2")]), 0, "the same tier");
        assert_eq!(passes(&limited, &[("X-Plan", "guest")]), 10);
        assert_eq!(passes(&limited, &[]), 10);
    }

    #[test]
    fn a_block_that_cannot_limit_refuses_the_start() {
        let star = tier(r#""tier_value_as":"*","#, 2);
        for (block, said) in [
            (format!(r#"{{"tiers":[{star}]}}"#), "must name the header"),
            (r#"{"tier_key":"x"}"#.to_owned(), "must be a list of tiers"),
            (r#"{"tier_key":"x","tiers":[]}"#.to_owned(), "must be a list of tiers"),
            (r#"{"tier_key":"x","tiers":[{"tier_value":"a"}]}"#.to_owned(), "must be an object"),
            (
                r#"{"tier_key":"x","tiers":[{"tier_value":"a","ratelimit_redis":{}}]}"#.to_owned(),
                "is not built: use `ratelimit`",
            ),
            (
                r#"{"tier_key":"x","tiers":[{"tier_value":"a","tier_value_as":"policy"}]}"#
                    .to_owned(),
                "undeclared reference to 'a'",
            ),
            (
                r#"{"tier_key":"x","tiers":[{"tier_value":"a","tier_value_as":"regex"}]}"#
                    .to_owned(),
                "`regex` is not known",
            ),
        ] {
            let text = plan(&block).unwrap_err();
            assert!(text.contains(said), "{block}: {text}");
        }
    }
}
