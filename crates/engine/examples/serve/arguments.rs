//! What the example accepts on its command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

const USAGE: &str =
    "usage: serve --data FILE [--listen HOST:PORT] [--namespace NAME]… [--search-attribute NAME=TYPE]…";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) namespaces: Vec<String>,
    /// Added to each of the namespaces.
    pub(crate) search_attributes: Vec<(String, IndexedValueType)>,
}

impl Arguments {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut data = None;
        let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 7233));
        let mut namespaces = Vec::new();
        let mut search_attributes = Vec::new();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value\n{USAGE}"))?;
            match flag.as_str() {
                "--data" => data = Some(PathBuf::from(value)),
                "--listen" => {
                    listen = value
                        .parse()
                        .map_err(|_| format!("`{value}` is no address such as 127.0.0.1:7233"))?;
                }
                "--namespace" => namespaces.push(value),
                "--search-attribute" => search_attributes.push(attribute(&value)?),
                _ => return Err(format!("there is no {flag}\n{USAGE}")),
            }
        }
        if namespaces.is_empty() {
            namespaces.push("default".to_owned());
        }
        let data = data.ok_or_else(|| format!("--data is missing\n{USAGE}"))?;
        Ok(Self { data, listen, namespaces, search_attributes })
    }
}

fn attribute(text: &str) -> Result<(String, IndexedValueType), String> {
    let (name, kind) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=TYPE"))?;
    let kind = match kind {
        "Text" => IndexedValueType::Text,
        "Keyword" => IndexedValueType::Keyword,
        "Int" => IndexedValueType::Int,
        "Double" => IndexedValueType::Double,
        "Bool" => IndexedValueType::Bool,
        "Datetime" => IndexedValueType::Datetime,
        "KeywordList" => IndexedValueType::KeywordList,
        _ => {
            return Err(format!(
                "`{kind}` is no type: Text, Keyword, Int, Double, Bool, Datetime or KeywordList"
            ));
        }
    };
    Ok((name.to_owned(), kind))
}
