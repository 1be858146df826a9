//! Reaching the service without a port: the SDK's client calls it in memory.

use crate::service::Service;
use futures::FutureExt;
use std::sync::Arc;
use temporalio_client::ConnectionOptions;
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest, GrpcSuccessResponse};
use url::Url;

/// Options that send every call of a client to `service`. The URL in them is never dialled.
pub(crate) fn connection_options(service: &Arc<Service>) -> ConnectionOptions {
    let service = service.clone();
    let callback = move |request: GrpcRequest| {
        let service = service.clone();
        async move {
            let GrpcRequest { service: name, rpc, proto, .. } = request;
            match service.call(&name, &rpc, proto).await {
                Ok(proto) => {
                    Ok(GrpcSuccessResponse { headers: tonic::codegen::http::HeaderMap::new(), proto })
                }
                Err(failure) => Err(failure.into_status()),
            }
        }
        .boxed()
    };
    let url = Url::parse("http://engine.invalid").expect("invariant: a constant that is a URL");
    ConnectionOptions::new(url)
        .service_override(CallbackBasedGrpcService { callback: Arc::new(callback) })
        .dns_load_balancing(None)
        .build()
}
