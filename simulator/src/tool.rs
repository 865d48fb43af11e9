//! The functions an answer calls.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::parameter::{self, Member};
use crate::schema;

/// Calls of one answer when nothing limits them.
const PARALLEL: usize = 2;

/// The functions a request offers, and what it says about calling them.
pub(crate) struct Toolbox {
    functions: Vec<Function>,
    choice: Choice,
    parallel: bool,
}

/// One function.
struct Function {
    name: String,
    parameters: Value,
}

/// What a request says about calling functions.
#[derive(PartialEq)]
enum Choice {
    /// The model decides, and decides against it unless its prompt asks for it.
    Free,
    Forbidden,
    Required,
    Named(String),
}

/// One call in an answer.
pub(crate) struct Call {
    pub(crate) name: String,
    /// A JSON object that satisfies the function's parameters.
    pub(crate) arguments: String,
}

/// A tool or the choice of one: chat completions nest the members of a function, responses do not.
#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Option<Description<'a>>,
    #[serde(borrow, flatten)]
    flat: Description<'a>,
}

#[derive(Deserialize)]
struct Description<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    parameters: Value,
}

impl Toolbox {
    /// Reads the three members of a request that are about tools.
    pub(crate) fn read(
        tools: Member<'_>,
        choice: Member<'_>,
        parallel: Member<'_>,
    ) -> Result<Toolbox, ApiError> {
        let mut functions = Vec::new();
        let elements = tools.map(|tools| parameter::elements("tools", tools)).transpose()?;
        for (index, element) in elements.into_iter().flatten().enumerate() {
            let tool: Tool<'_> = parameter::object(&format!("tools[{index}]"), element)?;
            functions.extend(tool.function.unwrap_or(tool.flat).function());
        }
        let choice = Choice::read(choice)?;
        if let Choice::Named(wanted) = &choice
            && !functions.iter().any(|function| function.name == *wanted)
        {
            let message = format!("Invalid value for 'tool_choice': no tool named '{wanted}'.");
            return Err(ApiError::invalid(message).param("tool_choice").code("invalid_value"));
        }
        let parallel = parallel.is_none() || parameter::flag("parallel_tool_calls", parallel)?;
        Ok(Toolbox { functions, choice, parallel })
    }

    /// The calls of an answer, their arguments quoting `text`; `asked` says that the prompt wants some.
    pub(crate) fn calls(&self, asked: bool, text: &str) -> Vec<Call> {
        let limit = if self.parallel { PARALLEL } else { 1 };
        let called = self.functions.iter().filter(|function| match &self.choice {
            Choice::Free => asked,
            Choice::Forbidden => false,
            Choice::Required => true,
            Choice::Named(wanted) => function.name == *wanted,
        });
        let call = |function: &Function| Call {
            name: function.name.clone(),
            arguments: schema::sample(&function.parameters, text).to_string(),
        };
        called.take(limit).map(call).collect()
    }
}

impl Choice {
    fn read(choice: Member<'_>) -> Result<Choice, ApiError> {
        let Some(raw) = choice else { return Ok(Choice::Free) };
        if let Some(word) = parameter::as_text(raw) {
            return match word.as_ref() {
                "auto" => Ok(Choice::Free),
                "none" => Ok(Choice::Forbidden),
                "required" => Ok(Choice::Required),
                other => {
                    Err(ApiError::unsupported_value("tool_choice", other, &["none", "auto", "required"]))
                }
            };
        }
        let named: Tool<'_> = parameter::object("tool_choice", raw)?;
        if named.kind.as_deref() != Some("function") {
            return Ok(Choice::Free);
        }
        let name = named.function.unwrap_or(named.flat).name;
        let name = name.ok_or_else(|| ApiError::missing("tool_choice.function"))?;
        Ok(Choice::Named(name.into_owned()))
    }
}

impl Description<'_> {
    /// The function, unless the tool is of another kind.
    fn function(self) -> Option<Function> {
        Some(Function { name: self.name?.into_owned(), parameters: self.parameters })
    }
}
