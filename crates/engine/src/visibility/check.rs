//! Whether search attributes that someone sets are allowed, and what is stored and shown of them.

use super::attributes::{Attributes, Source, is_system, kind_name};
use super::value::{Value, annotate, decode, indexed};
use crate::limits::Limits;
use crate::proto::common::SearchAttributes;
use prost::Message;

/// Refuses search attributes that are unknown, of the wrong type or too large, in the reference server's
/// words.
pub(crate) fn check(set: &SearchAttributes, known: &Attributes, limits: &Limits) -> Result<(), String> {
    let fields = &set.indexed_fields;
    if fields.len() > limits.search_attributes {
        return Err(format!(
            "number of search attributes {} exceeds limit {}",
            fields.len(),
            limits.search_attributes
        ));
    }
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort_unstable();
    for name in names {
        let payload = &fields[name];
        if is_system(name) {
            return Err(format!("{name} attribute can't be set in SearchAttributes"));
        }
        let Some(attribute) = known.stored(name) else {
            return Err(format!("search attribute {name} is not defined"));
        };
        decode(payload, attribute.kind).map_err(|shown| {
            format!(
                "invalid value for search attribute {name} of type {}: {shown}",
                kind_name(attribute.kind)
            )
        })?;
        if payload.data.len() > limits.search_attribute_value_bytes {
            return Err(format!(
                "search attribute {name} value size {} exceeds size limit {}",
                payload.data.len(),
                limits.search_attribute_value_bytes
            ));
        }
    }
    check_size(set, limits)
}

/// Refuses search attributes that are too large together.
pub(crate) fn check_size(set: &SearchAttributes, limits: &Limits) -> Result<(), String> {
    let size = set.encoded_len();
    if size > limits.search_attributes_bytes {
        return Err(format!(
            "total size of search attributes {size} exceeds size limit {}",
            limits.search_attributes_bytes
        ));
    }
    Ok(())
}

/// The rows for the table of search values: attribute and values.
pub(crate) fn rows(set: &SearchAttributes, known: &Attributes) -> Vec<(i64, Vec<Value>)> {
    set.indexed_fields
        .iter()
        .filter_map(|(name, payload)| {
            let attribute = known.stored(name)?;
            let Source::Stored(id) = attribute.source else { return None };
            Some((id, indexed(decode(payload, attribute.kind).ok()?, attribute.kind)))
        })
        .collect()
}

/// The attributes as clients see them: with their types, without those that were removed since.
pub(crate) fn shown(mut set: SearchAttributes, known: &Attributes) -> Option<SearchAttributes> {
    set.indexed_fields.retain(|name, payload| {
        let Some(attribute) = known.stored(name) else { return false };
        annotate(payload, attribute.kind);
        decode(payload, attribute.kind).is_ok_and(|values| !values.is_empty())
    });
    (!set.indexed_fields.is_empty()).then_some(set)
}
