//! Listing, counting, search attributes, namespaces, retention and deletion, over the raw protocol.

use crate::rpc::{OPERATOR, Raw, duration};
use expect_test::expect;
use std::time::Duration;
use syndarix_engine::{Clock, EngineOptions, Timestamp};
use temporalio_common::protos::temporal::api::common::v1::{
    Memo, Payload, Payloads, SearchAttributes, WorkflowExecution,
};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Kind;
use temporalio_common::protos::temporal::api::{operatorservice::v1 as os, workflowservice::v1 as ws};
use tonic::Code;

fn json(text: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: text.as_bytes().to_vec(),
        ..Payload::default()
    }
}

fn set(fields: &[(&str, &str)]) -> Option<SearchAttributes> {
    let indexed_fields = fields.iter().map(|(name, value)| ((*name).to_owned(), json(value))).collect();
    Some(SearchAttributes { indexed_fields })
}

impl Raw {
    async fn add(&self, fields: &[(&str, Kind)]) -> Result<os::AddSearchAttributesResponse, tonic::Status> {
        let request = os::AddSearchAttributesRequest {
            namespace: "default".into(),
            search_attributes: fields.iter().map(|(name, kind)| ((*name).to_owned(), *kind as i32)).collect(),
        };
        self.call(OPERATOR, "AddSearchAttributes", request).await
    }

    /// The workflow ids of all pages, in order.
    async fn list(&self, query: &str, page_size: i32) -> Result<Vec<String>, tonic::Status> {
        let mut ids = Vec::new();
        let mut next_page_token = Vec::new();
        loop {
            let request = ws::ListWorkflowExecutionsRequest {
                namespace: "default".into(),
                query: query.into(),
                page_size,
                next_page_token,
            };
            let page: ws::ListWorkflowExecutionsResponse =
                self.workflow("ListWorkflowExecutions", request).await?;
            assert!(page_size == 0 || page.executions.len() <= page_size as usize);
            ids.extend(page.executions.into_iter().map(|run| run.execution.unwrap_or_default().workflow_id));
            if page.next_page_token.is_empty() {
                return Ok(ids);
            }
            next_page_token = page.next_page_token;
        }
    }

    async fn terminate(&self, id: &str) {
        let request = ws::TerminateWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
            ..Default::default()
        };
        let _: ws::TerminateWorkflowExecutionResponse =
            self.workflow("TerminateWorkflowExecution", request).await.expect("it is terminated");
    }
}

async fn shop() -> Raw {
    let raw = Raw::new().await;
    let kinds = [
        ("Customer", Kind::Keyword),
        ("Amount", Kind::Int),
        ("Tags", Kind::KeywordList),
        ("Note", Kind::Text),
    ];
    raw.add(&kinds).await.expect("they are added");
    for (id, customer, amount, tags) in
        [("a", "ann", "5", "[\"new\",\"big\"]"), ("b", "bob", "15", "[\"big\"]"), ("c", "cid", "25", "[]")]
    {
        let mut request = Raw::start_request(id);
        request.search_attributes = set(&[
            ("Customer", &format!("{customer:?}")),
            ("Amount", amount),
            ("Tags", tags),
            ("Note", "\"Big Deal\""),
        ]);
        raw.start(request).await.expect("it starts");
    }
    raw.start(Raw::start_request("plain")).await.expect("it starts");
    raw
}

#[tokio::test]
async fn runs_are_found_by_their_attributes() {
    let raw = shop().await;
    raw.terminate("b").await;
    let table = [
        ("Customer = 'ann'", "a"),
        ("Amount > 5", "c b"),
        ("Amount != 15", "c a"),
        ("NOT Amount = 15", "c a"),
        ("Amount IS NULL", "plain"),
        ("Tags = 'big'", "a b"),
        ("Tags != 'big'", "plain c"),
        ("Note = 'deal'", "c a b"),
        ("ExecutionStatus = 'Terminated' OR Customer STARTS_WITH 'ci'", "c b"),
        ("CloseTime IS NULL AND WorkflowId IN ('a', 'b', 'c')", "c a"),
        ("ORDER BY Amount DESC", "c b a plain"),
        ("Amount BETWEEN 5 AND 15 ORDER BY Customer", "a b"),
        (
            "WorkflowType = 'order' AND TaskQueue = 'queue' AND StartTime > '2020-01-01T00:00:00Z'",
            "plain c a b",
        ),
        ("RootWorkflowId = 'c' AND ParentWorkflowId IS NULL", "c"),
        ("", "plain c a b"),
    ];
    for (query, expected) in table {
        for page_size in [0, 1, 2] {
            let found = raw.list(query, page_size).await.expect(query).join(" ");
            assert_eq!(found, expected, "{query} in pages of {page_size}");
        }
    }
    let request = ws::CountWorkflowExecutionsRequest {
        namespace: "default".into(),
        query: "GROUP BY ExecutionStatus".into(),
    };
    let counted: ws::CountWorkflowExecutionsResponse =
        raw.workflow("CountWorkflowExecutions", request).await.expect("a count");
    let groups: Vec<_> = counted
        .groups
        .iter()
        .map(|group| (String::from_utf8_lossy(&group.group_values[0].data).into_owned(), group.count))
        .collect();
    expect![[r#"(4, [("\"Running\"", 3), ("\"Terminated\"", 1)])"#]]
        .assert_eq(&format!("{:?}", (counted.count, groups)));
}

#[tokio::test]
async fn queries_and_tokens_that_make_no_sense_are_refused() {
    let raw = shop().await;
    for query in ["Nonsense = 1", "Amount =", "Amount = 'x'"] {
        let refused = raw.list(query, 0).await.expect_err(query);
        assert_eq!(refused.code(), Code::InvalidArgument, "{query}");
        assert!(refused.message().starts_with("invalid query: "), "{refused}");
    }
    let page = |query: &str, token: Vec<u8>| ws::ListWorkflowExecutionsRequest {
        namespace: "default".into(),
        query: query.into(),
        page_size: 1,
        next_page_token: token,
    };
    let first: ws::ListWorkflowExecutionsResponse =
        raw.workflow("ListWorkflowExecutions", page("", Vec::new())).await.expect("a page");
    for request in [page("Amount > 1", first.next_page_token), page("", b"nonsense".to_vec())] {
        let refused = raw
            .workflow::<_, ws::ListWorkflowExecutionsResponse>("ListWorkflowExecutions", request)
            .await
            .expect_err("a token of nothing");
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "Invalid NextPageToken."));
    }
}

#[tokio::test]
async fn search_attributes_are_defined_checked_and_described() {
    let raw = shop().await;
    raw.add(&[("Customer", Kind::Int)]).await.expect("adding again changes nothing");
    for (name, expected) in [
        ("WorkflowId", "Search attribute WorkflowId is reserved by system."),
        ("TemporalFoo", "Search attribute TemporalFoo is reserved by system."),
    ] {
        let refused = raw.add(&[(name, Kind::Int)]).await.expect_err(name);
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, expected));
    }
    for (fields, expected) in [
        (set(&[("Nonsense", "1")]), "search attribute Nonsense is not defined"),
        (set(&[("Amount", "\"x\"")]), "invalid value for search attribute Amount of type Int: x"),
        (set(&[("RunId", "\"x\"")]), "RunId attribute can't be set in SearchAttributes"),
    ] {
        let mut request = Raw::start_request("refused");
        request.search_attributes = fields;
        let refused = raw.start(request).await.expect_err(expected);
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, expected));
    }
    let described = raw.describe("a").await.expect("it is there");
    let info = described.workflow_execution_info.unwrap_or_default();
    let fields = info.search_attributes.unwrap_or_default().indexed_fields;
    assert_eq!(fields["Amount"].metadata["type"], b"Int");
    assert_eq!(fields["Tags"].metadata["type"], b"KeywordList");

    let remove = os::RemoveSearchAttributesRequest {
        namespace: "default".into(),
        search_attributes: vec!["Amount".into()],
    };
    let _: os::RemoveSearchAttributesResponse =
        raw.call(OPERATOR, "RemoveSearchAttributes", remove).await.expect("it is removed");
    assert!(raw.list("Amount = 5", 0).await.is_err());
    raw.add(&[("Amount", Kind::Double)]).await.expect("it is added anew");
    assert!(raw.list("Amount IS NOT NULL", 0).await.expect("a list").is_empty());
    let raw = raw.reopen(|options| options).await;
    assert_eq!(raw.list("Customer = 'bob'", 0).await.expect("a list"), ["b"]);
    let listed: os::ListSearchAttributesResponse = raw
        .call(
            OPERATOR,
            "ListSearchAttributes",
            os::ListSearchAttributesRequest { namespace: "default".into() },
        )
        .await
        .expect("a list");
    assert_eq!(listed.custom_attributes["Amount"], Kind::Double as i32);
    assert_eq!(listed.system_attributes["CloseTime"], Kind::Datetime as i32);
}

#[tokio::test]
async fn a_deleted_workflow_is_gone() {
    let raw = shop().await;
    let delete = |id: &str| ws::DeleteWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
    };
    raw.terminate("b").await;
    for id in ["a", "b"] {
        let _: ws::DeleteWorkflowExecutionResponse =
            raw.workflow("DeleteWorkflowExecution", delete(id)).await.expect("it is deleted");
        assert_eq!(raw.describe(id).await.expect_err("it is gone").code(), Code::NotFound);
        let again =
            raw.workflow::<_, ws::DeleteWorkflowExecutionResponse>("DeleteWorkflowExecution", delete(id));
        assert_eq!(again.await.expect_err("it is gone").code(), Code::NotFound);
    }
    assert_eq!(raw.list("", 0).await.expect("a list"), ["plain", "c"]);
    let raw = raw.reopen(|options| options).await;
    assert_eq!(raw.list("", 0).await.expect("a list"), ["plain", "c"]);
    raw.start(Raw::start_request("a")).await.expect("the id is free again");
}

/// A clock that a test sets.
#[derive(Debug)]
struct Steered(tokio::sync::watch::Sender<i64>);

impl Clock for Steered {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.borrow())
    }

    fn sleep_until(&self, at: Timestamp) -> futures::future::BoxFuture<'static, ()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= at.0).await;
        })
    }
}

#[tokio::test]
async fn closed_workflows_go_when_their_retention_has_passed() {
    let clock = std::sync::Arc::new(Steered(tokio::sync::watch::channel(1_000_000_000_000).0));
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let options = {
        let clock = clock.clone();
        move |options: EngineOptions| options.clock(clock.clone()).retention(hours(24))
    };
    let raw = Raw::open(options.clone()).await;
    for id in ["early", "late", "open"] {
        raw.start(Raw::start_request(id)).await.expect("it starts");
    }
    let forward = |by: Duration| clock.0.send_modify(|now| *now += by.as_nanos() as i64);
    raw.terminate("early").await;
    forward(hours(10));
    raw.terminate("late").await;
    forward(hours(13));
    assert_eq!(raw.list("", 0).await.expect("a list"), ["open", "late", "early"]);
    forward(hours(1));
    raw.until_listed(&["open", "late"]).await;
    let raw = raw.reopen(|options| options).await;
    raw.engine.shutdown().await;
    forward(hours(10));
    let raw = raw.reopen(options).await;
    raw.until_listed(&["open"]).await;
    assert_eq!(raw.describe("late").await.expect_err("it is gone").code(), Code::NotFound);
}

impl Raw {
    async fn until_listed(&self, expected: &[&str]) {
        let listed = async {
            while self.list("", 0).await.expect("a list") != expected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), listed).await.expect("it is deleted in time");
    }
}

#[tokio::test]
async fn namespaces_live_and_go() {
    let raw = Raw::new().await;
    let register = |name: &str, hours: i64| ws::RegisterNamespaceRequest {
        namespace: name.into(),
        description: "for a test".into(),
        workflow_execution_retention_period: duration(hours * 3_600),
        ..Default::default()
    };
    let made = |request| raw.workflow::<_, ws::RegisterNamespaceResponse>("RegisterNamespace", request);
    made(register("other", 48)).await.expect("it is made");
    assert_eq!(made(register("other", 48)).await.expect_err("there is one").code(), Code::AlreadyExists);
    assert_eq!(made(register("brief", 0)).await.expect_err("no retention").code(), Code::InvalidArgument);

    let describe = |namespace: &str, id: &str| ws::DescribeNamespaceRequest {
        namespace: namespace.into(),
        id: id.into(),
        ..Default::default()
    };
    let described: ws::DescribeNamespaceResponse =
        raw.workflow("DescribeNamespace", describe("other", "")).await.expect("it is there");
    let info = described.namespace_info.unwrap_or_default();
    let by_id: ws::DescribeNamespaceResponse =
        raw.workflow("DescribeNamespace", describe("", &info.id)).await.expect("it is there");
    assert_eq!(by_id.namespace_info.unwrap_or_default().name, "other");
    assert_eq!(described.config.unwrap_or_default().workflow_execution_retention_ttl, duration(48 * 3_600));

    let mut request = Raw::start_request("there");
    request.namespace = "other".into();
    raw.start(request.clone()).await.expect("it starts");
    let delete = os::DeleteNamespaceRequest { namespace: "other".into(), ..Default::default() };
    let deleted: os::DeleteNamespaceResponse =
        raw.call(OPERATOR, "DeleteNamespace", delete).await.expect("it is deleted");
    assert!(deleted.deleted_namespace.starts_with("other-deleted-"), "{deleted:?}");
    let refused = raw.start(request).await.expect_err("it is gone");
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "Namespace other is not found."));
    assert!(!refused.details().is_empty());
    let named_again = async {
        while made(register("other", 48)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), named_again).await.expect("the name is free again");
}

#[tokio::test]
async fn what_is_too_large_is_refused_at_the_start() {
    let raw = Raw::new().await;
    let big = || Payload { data: vec![0; 2 * 1024 * 1024 + 1], ..Payload::default() };
    let mut request = Raw::start_request("big");
    request.memo = Some(Memo { fields: [("memo".to_owned(), big())].into() });
    assert_eq!(raw.start(request).await.expect_err("a big memo").message(), "Memo size exceeds limit.");
    let mut request = Raw::start_request("big");
    request.input = Some(Payloads { payloads: vec![big()] });
    assert_eq!(raw.start(request).await.expect_err("a big input").message(), "Blob data size exceeds limit.");
    let request = Raw::start_request(&"x".repeat(1_001));
    assert_eq!(
        raw.start(request).await.expect_err("a long id").message(),
        "WorkflowId length exceeds limit."
    );
}
