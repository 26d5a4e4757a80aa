use futures::FutureExt;

use super::*;

struct Fixed(Vec<Sample>);

impl Source for Fixed {
    fn samples(&self) -> BoxFuture<'_, Vec<Sample>> {
        let samples = self.0.clone();
        async move { samples }.boxed()
    }
}

fn labels(stream: &str) -> Labels {
    vec![(names::ACCOUNT, "000000000000".to_owned()), (names::DELIVERY_STREAM, stream.to_owned())]
}

#[test]
fn counters_and_sources_are_one_text_with_the_public_names_in_the_help() {
    let metrics = Metrics::new();
    metrics.add(&names::INCOMING_RECORDS, &labels("a"), 2);
    metrics.add(&names::INCOMING_RECORDS, &labels("a"), 3);
    let freshness = &names::DELIVERY_TO_S3.freshness;
    metrics.watch(Fixed(vec![Sample { metric: freshness, labels: labels("b"), value: 1.5 }]));
    let text = metrics.render().now_or_never().unwrap();
    for line in [
        "# HELP firehose_delivery_to_s3_data_freshness_seconds DeliveryToS3.DataFreshness: age",
        "# TYPE firehose_delivery_to_s3_data_freshness_seconds gauge",
        "firehose_delivery_to_s3_data_freshness_seconds{account=\"000000000000\",delivery_stream=\"b\"} 1.5\n",
        "# TYPE firehose_incoming_records counter",
        "firehose_incoming_records_total{account=\"000000000000\",delivery_stream=\"a\"} 5",
        "# EOF\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn what_is_gone_is_forgotten() {
    let metrics = Metrics::new();
    metrics.add(&names::INCOMING_RECORDS, &labels("a"), 1);
    metrics.add(&names::INCOMING_RECORDS, &labels("b"), 1);
    metrics.forget(&labels("a"));
    assert_eq!(metrics.counted(&names::INCOMING_RECORDS, &labels("a")), 0);
    assert_eq!(metrics.counted(&names::INCOMING_RECORDS, &labels("b")), 1);
}
