//! Short names for the packages of Temporal's API, so that the rest of the crate reads in the
//! protocol's own terms.

pub(crate) use temporalio_protos::temporal::api::{
    activity::v1 as activity, command::v1 as command, common::v1 as common, enums::v1 as enums,
    errordetails::v1 as errordetails, failure::v1 as failure, filter::v1 as filter, history::v1 as history,
    namespace::v1 as namespace, operatorservice::v1 as operatorservice, protocol::v1 as protocol,
    query::v1 as query, replication::v1 as replication, schedule::v1 as schedule, sdk::v1 as sdk,
    taskqueue::v1 as taskqueue, update::v1 as update, version::v1 as version, workflow::v1 as workflow,
    workflowservice::v1 as workflowservice,
};

pub(crate) use command::command::Attributes as CommandAttributes;
pub(crate) use history::history_event::Attributes as EventAttributes;
