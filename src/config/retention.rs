//! How long what is over is kept, here and upstream.

use batch_gpt_actors::rules::{retention::Retention, time::Millis};

use super::check::Check;
use crate::cli::ServeArgs;

const DAY: u64 = 86_400;

/// A batch may be on its way for so many days: one until it is created, one until it ends, and its last looks.
const FEWEST_DAYS: u64 = 3;

impl Check {
    /// How long what has ended is kept in the store.
    pub(super) fn retention(&mut self, args: &ServeArgs) -> Retention {
        Retention {
            bodies: self.days("BATCH_GPT_KEEP_BODIES_DAYS", &args.keep_bodies_days, 30),
            answers: self.days("BATCH_GPT_KEEP_ANSWERS_DAYS", &args.keep_answers_days, 0),
            statuses: self.days("BATCH_GPT_KEEP_STATUSES_DAYS", &args.keep_statuses_days, 0),
        }
    }

    /// A number of days; 0 is for ever.
    fn days(&mut self, name: &str, value: &Option<String>, default: u64) -> Option<Millis> {
        let days = self.number(name, value, default, 0..=36_500);
        (days > 0).then(|| Millis::from_secs(days * DAY))
    }

    /// Whether the files of a settled batch are removed upstream.
    pub(super) fn removes_files(&mut self, args: &ServeArgs) -> bool {
        let words = [("on", true), ("off", false)];
        self.word("BATCH_GPT_DELETE_UPSTREAM_FILES", &args.delete_upstream_files, true, &words)
    }

    /// Seconds after which a file expires upstream by itself; `None` leaves that to the upstream.
    pub(super) fn files_expire_after(&mut self, args: &ServeArgs) -> Option<u64> {
        let name = "BATCH_GPT_UPSTREAM_FILES_EXPIRE_DAYS";
        let days = self.number(name, &args.upstream_files_expire_days, 30, 0..=30);
        if (1..FEWEST_DAYS).contains(&days) {
            let why =
                "0 or a whole number from 3 to 30 is allowed, because a batch may need its files for days";
            self.problem(name, &days.to_string(), why);
        }
        (days > 0).then_some(days * DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(change: impl FnOnce(&mut ServeArgs)) -> Result<Config, String> {
        let mut args = ServeArgs { simulate: true, ..ServeArgs::default() };
        change(&mut args);
        Config::parse(&args).map_err(|bad| bad.to_string())
    }

    #[test]
    fn bodies_are_kept_for_a_month_and_answers_for_ever_if_nobody_says() {
        let config = parse(|_| {}).unwrap();
        let month = Some(Millis::from_secs(30 * DAY));
        assert_eq!(config.actors.retention, Retention { bodies: month, answers: None, statuses: None });
        assert_eq!((config.actors.calling.removes_files, config.files_expire_after), (true, Some(30 * DAY)));
    }

    #[test]
    fn nothing_is_for_ever_and_an_hour_is_no_choice() {
        let config = parse(|args| {
            args.keep_bodies_days = Some("0".into());
            args.keep_answers_days = Some("7".into());
            args.delete_upstream_files = Some("off".into());
            args.upstream_files_expire_days = Some("0".into());
        })
        .unwrap();
        assert_eq!(config.actors.retention.bodies, None);
        assert_eq!(config.actors.retention.answers, Some(Millis::from_secs(7 * DAY)));
        assert_eq!((config.actors.calling.removes_files, config.files_expire_after), (false, None));
        let bad = parse(|args| {
            args.keep_statuses_days = Some("-1".into());
            args.delete_upstream_files = Some("maybe".into());
            args.upstream_files_expire_days = Some("2".into());
        });
        let bad = bad.unwrap_err();
        for name in [
            "BATCH_GPT_KEEP_STATUSES_DAYS=-1: a whole number from 0",
            "BATCH_GPT_DELETE_UPSTREAM_FILES=maybe: on or off",
            "BATCH_GPT_UPSTREAM_FILES_EXPIRE_DAYS=2: 0 or a whole number from 3",
        ] {
            assert!(bad.contains(name), "{name} is missing in:\n{bad}");
        }
    }
}
