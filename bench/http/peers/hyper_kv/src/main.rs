//! hyper_kv PORT THREADS: GET, PUT and DELETE /v1/kv/{key} on 127.0.0.1, as a plain program on hyper 0.14 does it, with
//! its map behind tokio::sync::Mutex. It checks and keeps JSON as Holdfast does: as text.
use hyper::service::{make_service_fn, service_fn};
use hyper::{body::to_bytes, header, Body, Method, Request, Response, Server, StatusCode};
use std::{collections::BTreeMap, convert::Infallible, env, sync::Arc};
use tokio::{runtime::Builder, sync::Mutex};

type Store = Mutex<BTreeMap<String, hyper::body::Bytes>>;

fn bare(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

async fn answer(store: Arc<Store>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let key = match request.uri().path().strip_prefix("/v1/kv/") {
        Some(key) => key.to_owned(),
        None => return Ok(bare(StatusCode::NOT_FOUND)),
    };
    let response = match *request.method() {
        Method::GET => match store.lock().await.get(&key).cloned() {
            Some(text) => Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(text))
                .unwrap(),
            None => bare(StatusCode::NOT_FOUND),
        },
        Method::PUT => match to_bytes(request.into_body()).await {
            Ok(text) if is_json(&text) => {
                store.lock().await.insert(key, text);
                bare(StatusCode::NO_CONTENT)
            }
            _ => bare(StatusCode::BAD_REQUEST),
        },
        Method::DELETE => match store.lock().await.remove(&key) {
            Some(_) => bare(StatusCode::NO_CONTENT),
            None => bare(StatusCode::NOT_FOUND),
        },
        _ => bare(StatusCode::METHOD_NOT_ALLOWED),
    };
    Ok(response)
}

async fn serve(port: u16) {
    let store = Arc::new(Store::default());
    let connections = make_service_fn(move |_| {
        let store = store.clone();
        async move { Ok::<_, Infallible>(service_fn(move |request| answer(store.clone(), request))) }
    });
    let server = Server::bind(&([127, 0, 0, 1], port).into()).tcp_nodelay(true).serve(connections);
    server.await.expect("serve");
}

fn main() {
    let numbers: Vec<u16> = env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let (port, threads) = (numbers[0], numbers[1]);
    let mut builder = if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(threads.into()).enable_all().build().expect("runtime").block_on(serve(port));
}
