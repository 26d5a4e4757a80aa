//! Composition: one short function per part, in the order of the layers.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use athena::{Athena, AthenaSettings};
use aws::{Credential, HttpService, Limits, LocalAccount, MemoryCredentials, Router, RouterBuilder, Service};
use cloudwatch::CloudWatch;
use firehose::{Endpoints, Firehose};
use flow::Flow;
use glue::Glue;
use kinesis::{Kinesis, KinesisSettings};
use lake::Lake;
use log::{Log, LogSettings};
use meta::Meta;
use metrics::Metrics;
use objects::Objects;
use query::{Engine, QuerySettings};
use rt::Rt;
use s3::S3Deps;
use sts::Sts;

use crate::config::{Config, Home};
use crate::data_dir::DataDir;
use crate::internal;
use crate::measure::{self, Readers};

/// The engines, opened. Clones share them.
#[derive(Clone)]
pub(crate) struct Engines {
    pub(crate) meta: Meta,
    pub(crate) objects: Objects,
    pub(crate) log: Log,
    pub(crate) lake: Lake,
    pub(crate) query: Engine,
    pub(crate) flow: Flow,
    pub(crate) metrics: Metrics,
}

/// Opens the engines below `data_dir` and puts every service behind one router.
///
/// # Errors
/// The sentence of the part that cannot open.
pub(crate) async fn open(config: &Config, data_dir: &DataDir, rt: &Rt) -> Result<(Router, Engines)> {
    let engines = engines(config, data_dir, rt).await?;
    let credentials = credentials(config, data_dir, rt)?;
    let mut router =
        Router::builder(rt.clone(), Arc::new(LocalAccount), credentials.clone(), Limits::default());
    router.service(kinesis_service(config, &engines, rt).await?);
    let firehose = firehose(&engines, rt).await?;
    router.service(Service::new(&firehose::model::SERVICE, firehose.clone(), firehose::operations()));
    router.service(glue_service(&engines));
    router.service(athena_service(&engines, rt).await?);
    router.service(cloudwatch_service(&engines));
    router.service(sts_service(rt, credentials.clone()));
    router.fallback_http(s3_service(config, &engines, rt, credentials));
    internal_endpoints(&mut router, config, &engines, firehose, rt);
    Ok((router.build(), engines))
}

async fn engines(config: &Config, data_dir: &DataDir, rt: &Rt) -> Result<Engines> {
    let path = data_dir.path();
    let meta = Meta::open(&path.join("meta.sqlite"), rt.clone()).await?;
    let objects = Objects::open(&path.join("objects"), meta.clone(), rt.clone()).await?;
    let log = Log::open(&path.join("log"), meta.clone(), rt.clone(), LogSettings::default()).await?;
    let lake = Lake::new(meta.clone(), objects.clone(), rt.clone());
    let (iceberg, upkeep) = (lake.iceberg().clone(), config.upkeep.clone());
    rt.spawn("iceberg upkeep", async move { iceberg.run_upkeep(upkeep).await });
    let settings = QuerySettings { spill_directory: Some(path.join("spill")), ..QuerySettings::default() };
    let query = Engine::new(rt.clone(), lake.clone(), settings);
    let flow =
        Flow::new(rt.clone(), meta.clone(), log.clone(), objects.clone(), lake.clone(), config.flow.clone())
            .with_outlet(Arc::new(endpoints(config, rt)?));
    let metrics = Metrics::new();
    metrics.watch(measure::LogFigures(log.clone()));
    metrics.watch(measure::UpkeepFigures { rt: rt.clone(), iceberg: lake.iceberg().clone() });
    Ok(Engines { meta, objects, log, lake, query, flow, metrics })
}

/// The way to destinations outside.
fn endpoints(config: &Config, rt: &Rt) -> Result<Endpoints> {
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("{} (--delivery-ca) cannot be read", path.display()))
    };
    let ca = config.delivery_ca.as_ref().map(read).transpose()?;
    Endpoints::new(rt.clone(), ca.as_deref()).context("the file of --delivery-ca cannot be used")
}

/// The configured keys, or the one generated for this data directory.
fn credentials(config: &Config, data_dir: &DataDir, rt: &Rt) -> Result<Arc<MemoryCredentials>> {
    let keys = match config.credentials.first() {
        Some(first) => {
            data_dir.keep_credentials(first).context("the configured access key cannot be kept")?;
            config.credentials.clone()
        }
        None => vec![data_dir.credentials(rt)?],
    };
    let store = if config.insecure_any_credentials {
        MemoryCredentials::insecure_any(config.account.clone(), config.region.clone())
    } else {
        MemoryCredentials::new()
    };
    for key in keys {
        store.insert(key.access_key_id, Credential::root(config.account.clone(), key.secret_access_key));
    }
    Ok(Arc::new(store))
}

async fn kinesis_service(config: &Config, engines: &Engines, rt: &Rt) -> Result<Service> {
    let settings = KinesisSettings { limits: config.kinesis_limits.into() };
    let (meta, log) = (engines.meta.clone(), engines.log.clone());
    let kinesis = Arc::new(Kinesis::with_settings(rt.clone(), meta, log, settings));
    kinesis.start().await.context("the streams cannot be read")?;
    Ok(Service::new(&kinesis::model::SERVICE, kinesis, kinesis::operations()))
}

async fn firehose(engines: &Engines, rt: &Rt) -> Result<Arc<Firehose>> {
    let Engines { meta, objects, log, lake, flow, metrics, .. } = engines.clone();
    let firehose = Firehose::new(rt.clone(), meta, log, objects, lake, flow).with_metrics(metrics);
    firehose.start().await.context("the deliveries cannot be resumed")?;
    Ok(Arc::new(firehose))
}

fn glue_service(engines: &Engines) -> Service {
    let glue = Glue::new(engines.lake.clone());
    Service::new(&glue::model::SERVICE, Arc::new(glue), glue::operations())
}

async fn athena_service(engines: &Engines, rt: &Rt) -> Result<Service> {
    let Engines { meta, objects, lake, query, .. } = engines.clone();
    let athena = Arc::new(Athena::new(rt.clone(), meta, objects, lake, query, AthenaSettings::default()));
    athena.start().await.context("the queries cannot be resumed")?;
    Ok(Service::new(&athena::model::SERVICE, athena, athena::operations()))
}

fn cloudwatch_service(engines: &Engines) -> Service {
    let cloudwatch = CloudWatch::new(engines.meta.clone());
    Service::new(&cloudwatch::model::SERVICE, Arc::new(cloudwatch), cloudwatch::operations())
}

fn sts_service(rt: &Rt, credentials: Arc<MemoryCredentials>) -> Service {
    Service::new(&sts::model::SERVICE, Arc::new(Sts::new(rt.clone(), credentials)), sts::operations())
}

fn s3_service(
    config: &Config,
    engines: &Engines,
    rt: &Rt,
    credentials: Arc<MemoryCredentials>,
) -> impl HttpService {
    s3::http(S3Deps {
        rt: rt.clone(),
        objects: engines.objects.clone(),
        credentials,
        authorizer: Arc::new(LocalAccount),
        region: config.region.clone(),
        base_domains: Vec::new(),
    })
}

fn internal_endpoints(
    router: &mut RouterBuilder,
    config: &Config,
    engines: &Engines,
    firehose: Arc<Firehose>,
    rt: &Rt,
) {
    let (clock, started) = (rt.clone(), rt.instant());
    router.internal("GET", "/_mulgil/health", move |_| {
        let health = internal::health(&clock, started);
        async move { health }
    });
    let (metrics, readers) = (engines.metrics.clone(), Readers::of(config));
    router.public("/metrics", move |request| measure::scrape(metrics.clone(), readers.clone(), request));
    let account = config.account.clone();
    router.internal_signed("GET", "/_mulgil/firehose/ledger", "firehose", move |request| {
        internal::ledger(firehose.clone(), account.clone(), request)
    });
    if matches!(config.home, Home::Ephemeral) {
        let engines = engines.clone();
        router.internal("POST", "/_mulgil/reset", move |_| internal::reset(engines.clone()));
    }
}
