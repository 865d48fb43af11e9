//! The lines of result files.

use serde::Serialize;

use crate::knobs::Knobs;
use crate::random::Random;

/// How one request ended, in the form a result file reports it (contract, sections 3.2 and 3.3).
pub(crate) struct ResultLine<'a> {
    pub(crate) id: String,
    pub(crate) request_id: String,
    /// The custom id as JSON, exactly as the input spells it.
    pub(crate) custom_id: &'a str,
    pub(crate) ending: Ending<'a>,
}

/// Either a response or a reason why there is none.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// A status and a body in JSON.
    Response { status: u16, body: &'a [u8] },
    /// No response came back.
    NoResponse(Reason),
}

/// The code and message of a line without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    code: &'static str,
    message: &'static str,
}

/// The window passed before the line was executed.
pub(crate) const EXPIRED: Reason = Reason {
    code: "batch_expired",
    message: "This request could not be executed before the completion window expired.",
};

/// The batch was cancelled before the line was executed.
pub(crate) const CANCELLED: Reason = Reason {
    code: "batch_cancelled",
    message: "This request was not executed because the batch was cancelled.",
};

/// The model took too long.
pub(crate) const TIMED_OUT: Reason =
    Reason { code: "request_timeout", message: "This request did not finish in time." };

const MEMBERS: [&str; 4] = ["id", "custom_id", "response", "error"];
const RESPONSE_MEMBERS: [&str; 3] = ["status_code", "request_id", "body"];

impl ResultLine<'_> {
    /// Appends the line and its line feed to `out`.
    pub(crate) fn write(&self, knobs: &Knobs, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut members = MEMBERS;
        if knobs.permute_keys {
            permute(&mut members, &self.id);
        }
        out.push(b'{');
        let mut first = true;
        for name in members {
            let null = match name {
                "response" => matches!(self.ending, Ending::NoResponse(_)),
                "error" => matches!(self.ending, Ending::Response { .. }),
                _ => false,
            };
            if null && knobs.omit_nulls {
                continue;
            }
            key(name, &mut first, out);
            match (name, self.ending) {
                ("id", _) => serde_json::to_writer(&mut *out, &self.id)?,
                ("custom_id", _) => out.extend_from_slice(self.custom_id.as_bytes()),
                ("response", Ending::Response { status, body }) => {
                    self.write_response(status, body, knobs, out)
                }
                ("error", Ending::NoResponse(reason)) => serde_json::to_writer(&mut *out, &reason)?,
                _ => out.extend_from_slice(b"null"),
            }
        }
        if knobs.extra_members {
            out.extend_from_slice(br#","simulated":{"unknown":[1,null]}"#);
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn write_response(&self, status: u16, body: &[u8], knobs: &Knobs, out: &mut Vec<u8>) {
        let mut members = RESPONSE_MEMBERS;
        if knobs.permute_keys {
            permute(&mut members, &self.request_id);
        }
        out.push(b'{');
        let mut first = true;
        for name in members {
            key(name, &mut first, out);
            match name {
                "status_code" => out.extend_from_slice(status.to_string().as_bytes()),
                "body" => out.extend_from_slice(body),
                _ => {
                    out.push(b'"');
                    out.extend_from_slice(self.request_id.as_bytes());
                    out.push(b'"');
                }
            }
        }
        if knobs.extra_members {
            out.extend_from_slice(br#","attempts":1"#);
        }
        out.push(b'}');
    }
}

fn key(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::replace(first, false) {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn permute<const N: usize>(members: &mut [&str; N], source: &str) {
    let mut random = Random::from(source);
    for last in (1..N).rev() {
        members.swap(last, (random.next() % (last as u64 + 1)) as usize);
    }
}
