//! The destination of a delivery stream, whichever kind it is.

use aws::{ApiError, Context};
use flow::FlowSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{
    CreateDeliveryStreamInput, DestinationDescription, ExtendedS3DestinationConfiguration,
    HttpEndpointDestinationConfiguration, IcebergDestinationConfiguration, SplunkDestinationConfiguration,
    UpdateDestinationInput, error,
};
use crate::stream::DESTINATION_ID;
use crate::{Firehose, destination, http_endpoint, iceberg, splunk};

/// Settings as they were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(crate) enum Destination {
    S3(Box<ExtendedS3DestinationConfiguration>),
    HttpEndpoint(Box<HttpEndpointDestinationConfiguration>),
    Iceberg(Box<IcebergDestinationConfiguration>),
    Splunk {
        settings: Box<SplunkDestinationConfiguration>,
        /// A UUID that belongs to this destination alone.
        channel: String,
    },
}

/// The first version stored the settings of S3 alone, without saying so.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Tagged(Tagged),
    S3(Box<ExtendedS3DestinationConfiguration>),
}

#[derive(Deserialize)]
enum Tagged {
    S3(Box<ExtendedS3DestinationConfiguration>),
    HttpEndpoint(Box<HttpEndpointDestinationConfiguration>),
    Iceberg(Box<IcebergDestinationConfiguration>),
    Splunk { settings: Box<SplunkDestinationConfiguration>, channel: String },
}

impl From<Stored> for Destination {
    fn from(stored: Stored) -> Destination {
        match stored {
            Stored::S3(settings) | Stored::Tagged(Tagged::S3(settings)) => Destination::S3(settings),
            Stored::Tagged(Tagged::HttpEndpoint(settings)) => Destination::HttpEndpoint(settings),
            Stored::Tagged(Tagged::Iceberg(settings)) => Destination::Iceberg(settings),
            Stored::Tagged(Tagged::Splunk { settings, channel }) => Destination::Splunk { settings, channel },
        }
    }
}

impl Firehose {
    /// The destination a request asks for, one and no more.
    pub(crate) fn requested(&self, input: &CreateDeliveryStreamInput) -> Result<Destination, ApiError> {
        let s3 = input.extended_s3_destination_configuration.is_some()
            || input.s3_destination_configuration.is_some();
        let (endpoint, splunk) =
            (&input.http_endpoint_destination_configuration, &input.splunk_destination_configuration);
        let iceberg = &input.iceberg_destination_configuration;
        match (s3, endpoint, splunk) {
            (false, None, None) if iceberg.is_some() => {
                Ok(Destination::Iceberg(Box::new(iceberg.clone().unwrap_or_default())))
            }
            _ if iceberg.is_some() => Err(error::invalid_argument_exception(
                "Exactly one destination configuration is supported for a Firehose",
            )),
            (false, Some(settings), None) => Ok(Destination::HttpEndpoint(Box::new(settings.clone()))),
            (false, None, Some(settings)) => {
                Ok(Destination::Splunk { settings: Box::new(settings.clone()), channel: self.rt.uuid() })
            }
            // None at all is told there too.
            (_, None, None) => Ok(Destination::S3(Box::new(destination::requested(input)?))),
            _ => Err(error::invalid_argument_exception(
                "Exactly one destination configuration is supported for a Firehose",
            )),
        }
    }

    /// The delivery that does what the destination says. Contradictions, and a bucket or table that does not exist,
    /// are refused.
    pub(crate) async fn delivery(
        &self,
        ctx: &Context,
        name: &str,
        version: u64,
        source: flow::Source,
        destination: &Destination,
    ) -> Result<FlowSpec, ApiError> {
        let spec = match destination {
            Destination::S3(settings) => {
                return self.delivery_to_s3(ctx, name, version, source, settings).await;
            }
            Destination::HttpEndpoint(settings) => {
                http_endpoint::delivery(ctx, name, version, source, settings)?
            }
            Destination::Iceberg(settings) => iceberg::delivery(ctx, name, version, source, settings)?,
            Destination::Splunk { settings, channel } => {
                splunk::delivery(name, version, source, settings, channel)?
            }
        };
        self.check_delivery(&spec).await?;
        Ok(spec)
    }
}

impl Destination {
    /// With the settings that the request names; the others stay. Those of another kind of destination are refused.
    pub(crate) fn updated(&self, input: &UpdateDestinationInput) -> Result<Destination, ApiError> {
        let given = [
            input.extended_s3_destination_update.is_some() || input.s3_destination_update.is_some(),
            input.http_endpoint_destination_update.is_some(),
            input.splunk_destination_update.is_some(),
            input.iceberg_destination_update.is_some(),
        ];
        let kind = match self {
            Destination::S3(_) => 0,
            Destination::HttpEndpoint(_) => 1,
            Destination::Splunk { .. } => 2,
            Destination::Iceberg(_) => 3,
        };
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(error::invalid_argument_exception(
                "Exactly one destination update is supported for a Firehose",
            ));
        }
        if !given[kind] && given.contains(&true) {
            return Err(error::invalid_argument_exception(
                "The destination cannot be changed to one of another type: create a Firehose with it.",
            ));
        }
        match self {
            Destination::S3(settings) => {
                Ok(Destination::S3(Box::new(destination::updated(settings, input)?)))
            }
            Destination::HttpEndpoint(settings) => {
                let update = input.http_endpoint_destination_update.as_ref();
                merged(settings, update).map(Destination::HttpEndpoint)
            }
            Destination::Iceberg(settings) => {
                merged(settings, input.iceberg_destination_update.as_ref()).map(Destination::Iceberg)
            }
            Destination::Splunk { settings, channel } => {
                let settings = merged(settings, input.splunk_destination_update.as_ref())?;
                Ok(Destination::Splunk { settings, channel: channel.clone() })
            }
        }
    }

    /// As DescribeDeliveryStream shows it: what was given, and the defaults of what was not.
    pub(crate) fn describe(&self) -> DestinationDescription {
        let destination_id = DESTINATION_ID.to_owned();
        match self {
            Destination::S3(settings) => destination::describe(settings),
            Destination::HttpEndpoint(settings) => DestinationDescription {
                destination_id,
                http_endpoint_destination_description: Some(http_endpoint::describe(settings)),
                ..DestinationDescription::default()
            },
            Destination::Iceberg(settings) => DestinationDescription {
                destination_id,
                iceberg_destination_description: Some(iceberg::describe(settings)),
                ..DestinationDescription::default()
            },
            Destination::Splunk { settings, .. } => DestinationDescription {
                destination_id,
                splunk_destination_description: Some(splunk::describe(settings)),
                ..DestinationDescription::default()
            },
        }
    }
}

/// The settings with the members of an update. A member that has members itself is replaced whole, but for the
/// bucket, whose members stay unless they are named.
fn merged<S, U>(current: &S, update: Option<&U>) -> Result<S, ApiError>
where
    S: Serialize + for<'de> Deserialize<'de>,
    U: Serialize,
{
    let Some(update) = update else {
        return Err(error::invalid_argument_exception(
            "Exactly one destination update is supported for a Firehose",
        ));
    };
    let mut settings = serde_json::to_value(current).map_err(ApiError::internal)?;
    if let Value::Object(update) = serde_json::to_value(update).map_err(ApiError::internal)? {
        for (name, value) in update {
            match (name.as_str(), value) {
                ("S3Update", Value::Object(members)) => {
                    for (member, value) in members {
                        settings["S3Configuration"][member] = value;
                    }
                }
                (name, value) => settings[name] = value,
            }
        }
    }
    serde_json::from_value(settings).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_of_the_first_version_is_one_in_a_bucket() {
        let settings = ExtendedS3DestinationConfiguration {
            bucket_arn: "arn:aws:s3:::lake".to_owned(),
            ..ExtendedS3DestinationConfiguration::default()
        };
        let expected = Destination::S3(Box::new(settings.clone()));
        let bare = serde_json::to_value(&settings).unwrap();
        assert_eq!(serde_json::from_value::<Destination>(bare).unwrap(), expected);
        let splunk = Destination::Splunk { settings: Box::default(), channel: "c".to_owned() };
        let others = [Destination::HttpEndpoint(Box::default()), Destination::Iceberg(Box::default())];
        for destination in [expected, splunk].into_iter().chain(others) {
            let stored = serde_json::to_value(&destination).unwrap();
            assert_eq!(serde_json::from_value::<Destination>(stored).unwrap(), destination);
        }
    }
}
