//! One of the two that are compared: the engine, opened here, or a server that listens somewhere.

use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::grpc::{OperatorService, WorkflowService};
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_protos::temporal::api::enums::v1::IndexedValueType as Type;
use temporalio_protos::temporal::api::operatorservice::v1 as os;
use tokio::time::{Instant, sleep};
use tonic::Request;
use url::Url;

/// The custom search attributes that programs use.
pub(crate) const SEARCH_ATTRIBUTES: [(&str, Type); 7] = [
    ("ProgramKeyword", Type::Keyword),
    ("ProgramInt", Type::Int),
    ("ProgramDouble", Type::Double),
    ("ProgramBool", Type::Bool),
    ("ProgramDatetime", Type::Datetime),
    ("ProgramKeywordList", Type::KeywordList),
    ("ProgramText", Type::Text),
];

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const NAMESPACE: &str = "default";

pub(crate) struct Side {
    pub name: &'static str,
    connection: Connection,
    /// The engine and the folder of its file, for as long as they are asked.
    embedded: Option<(Engine, tempfile::TempDir)>,
}

impl Side {
    pub(crate) async fn engine(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = EngineOptions::new(folder.path().join("engine.db"));
        let engine = Engine::open(options).await.expect("the engine opens");
        let connection = engine.connect().await.expect("the engine accepts connections");
        let side = Self { name, connection, embedded: Some((engine, folder)) };
        side.add_search_attributes(&mut side.connection.operator_service()).await;
        side
    }

    /// A server that listens at this address, or will in a moment.
    pub(crate) async fn server(address: &str) -> Self {
        let url = Url::parse(address).expect("the server's address is a URL");
        let begin = Instant::now();
        loop {
            let options = ConnectionOptions::new(url.clone()).build();
            match Self::ready(options).await {
                Ok(side) => return side,
                Err(reason) => assert!(begin.elapsed() < PATIENCE, "{address}: {reason}"),
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn ready(options: ConnectionOptions) -> Result<Self, String> {
        let connection = Connection::connect(options).await.map_err(|error| error.to_string())?;
        // A server listens before its namespace is there.
        let mut operator = connection.operator_service();
        let listed = os::ListSearchAttributesRequest { namespace: NAMESPACE.into() };
        operator.list_search_attributes(Request::new(listed)).await.map_err(|error| error.to_string())?;
        let side = Self { name: "server", connection, embedded: None };
        side.add_search_attributes(&mut operator).await;
        Ok(side)
    }

    async fn add_search_attributes(&self, operator: &mut Box<dyn OperatorService>) {
        let listed = os::ListSearchAttributesRequest { namespace: NAMESPACE.into() };
        let there = operator.list_search_attributes(Request::new(listed)).await.expect("they are listed");
        let there = there.into_inner().custom_attributes;
        let missing = SEARCH_ATTRIBUTES.iter().filter(|(name, _)| !there.contains_key(*name));
        let request = os::AddSearchAttributesRequest {
            namespace: NAMESPACE.into(),
            search_attributes: missing.map(|(name, kind)| ((*name).to_owned(), *kind as i32)).collect(),
        };
        if !request.search_attributes.is_empty() {
            operator.add_search_attributes(Request::new(request)).await.expect("they are added");
        }
    }

    /// Requests as they are, none tried again.
    pub(crate) fn service(&self) -> Box<dyn WorkflowService> {
        self.connection.workflow_service()
    }

    pub(crate) async fn close(self) {
        drop(self.connection);
        if let Some((engine, _folder)) = self.embedded {
            engine.shutdown().await;
        }
    }
}
