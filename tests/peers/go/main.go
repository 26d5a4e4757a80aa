// The conversation of ../README.md with the AWS SDK for Go.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

const (
	poll     = 20 * time.Millisecond
	pollsMax = 1500
	readsMax = 500
	middle   = "170141183460469231731687303715884105728"
)

type peer struct {
	context.Context
	*kinesis.Client
}

type answer map[string]any

func main() {
	log.SetFlags(0)
	p := peer{context.Background(), kinesis.New(kinesis.Options{
		Region:           os.Getenv("AWS_REGION"),
		BaseEndpoint:     aws.String(os.Getenv("AWS_ENDPOINT_URL")),
		RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})}
	steps := map[string]func(string) answer{"put-get": p.putGet, "subscribe": p.subscribe, "reshard": p.reshard}
	for _, step := range os.Args[2:] {
		stream := os.Args[1] + "-" + step
		seen := steps[step](stream)
		seen["step"] = step
		must0(json.NewEncoder(os.Stdout).Encode(seen))
		must(p.DeleteStream(p, &kinesis.DeleteStreamInput{
			StreamName: &stream, EnforceConsumerDeletion: aws.Bool(true),
		}))
	}
}

func must0(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func must[T any](value T, err error) T {
	must0(err)
	return value
}

func until(what string, condition func() bool) {
	for range pollsMax {
		if condition() {
			return
		}
		time.Sleep(poll)
	}
	log.Panicf("gave up waiting until %s", what)
}

func errorName(err error) string {
	var named smithy.APIError
	if errors.As(err, &named) {
		return named.ErrorCode()
	}
	return fmt.Sprint(err)
}

func (p peer) create(stream string, shards int32) {
	must(p.CreateStream(p, &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: &shards}))
	p.active(stream)
}

func (p peer) active(stream string) (arn *string) {
	until(stream+" is active", func() bool {
		seen := must(p.DescribeStreamSummary(p, &kinesis.DescribeStreamSummaryInput{StreamName: &stream}))
		arn = seen.StreamDescriptionSummary.StreamARN
		return seen.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive
	})
	return arn
}

func (p peer) put(stream string, from, count, keys int) int32 {
	var records []types.PutRecordsRequestEntry
	for n := from; n < from+count; n++ {
		records = append(records, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprintf("key-%d", n%keys)),
			Data:         fmt.Appendf(nil, "record-%d", n),
		})
	}
	return *must(p.PutRecords(p, &kinesis.PutRecordsInput{StreamName: &stream, Records: records})).FailedRecordCount
}

func (p peer) shards(stream string) []types.Shard {
	return must(p.ListShards(p, &kinesis.ListShardsInput{StreamName: &stream})).Shards
}

// Reads a shard from its oldest record until it ends or nothing is left to read.
func (p peer) read(stream string, shard *string) (records []types.Record, children []types.ChildShard, ended bool) {
	iterator := must(p.GetShardIterator(p, &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})).ShardIterator
	for range readsMax {
		seen := must(p.GetRecords(p, &kinesis.GetRecordsInput{ShardIterator: iterator}))
		records = append(records, seen.Records...)
		if iterator = seen.NextShardIterator; iterator == nil {
			return records, seen.ChildShards, true
		}
		if len(seen.Records) == 0 && *seen.MillisBehindLatest == 0 {
			break
		}
	}
	return records, nil, false
}

func pairs(records []types.Record) (rows [][2]string) {
	for _, record := range records {
		rows = append(rows, [2]string{*record.PartitionKey, string(record.Data)})
	}
	return rows
}

func (p peer) putGet(stream string) answer {
	p.create(stream, 2)
	binary := make([]byte, 256)
	for n := range binary {
		binary[n] = byte(n)
	}
	must(p.PutRecord(p, &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("binary"), Data: binary}))
	failed := p.put(stream, 0, 100, 7)
	var ids []string
	var records []types.Record
	for _, shard := range p.shards(stream) {
		ids = append(ids, *shard.ShardId)
		seen, _, _ := p.read(stream, shard.ShardId)
		records = append(records, seen...)
	}
	at := slices.IndexFunc(records, func(r types.Record) bool { return *r.PartitionKey == "binary" })
	first := records[at]
	_, missing := p.PutRecord(p, &kinesis.PutRecordInput{
		StreamName: aws.String("no-such-stream"), PartitionKey: aws.String("k"), Data: binary,
	})
	_, bad := p.GetRecords(p, &kinesis.GetRecordsInput{ShardIterator: aws.String("no-such-iterator")})
	return answer{
		"shards": ids, "failed": failed, "binary": hex.EncodeToString(first.Data),
		"records":       pairs(slices.Delete(slices.Clone(records), at, at+1)),
		"recent":        time.Since(*first.ApproximateArrivalTimestamp).Abs() < 24*time.Hour,
		"missingStream": errorName(missing), "badIterator": errorName(bad),
	}
}

func (p peer) subscribe(stream string) answer {
	p.create(stream, 1)
	arn := p.active(stream)
	p.put(stream, 0, 20, 5)
	consumer := must(p.RegisterStreamConsumer(p, &kinesis.RegisterStreamConsumerInput{
		StreamARN: arn, ConsumerName: aws.String("peer"),
	})).Consumer.ConsumerARN
	var status types.ConsumerStatus
	until("the consumer is active", func() bool {
		seen := must(p.DescribeStreamConsumer(p, &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer}))
		status = seen.ConsumerDescription.ConsumerStatus
		return status == types.ConsumerStatusActive
	})
	events := must(p.SubscribeToShard(p, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: p.shards(stream)[0].ShardId,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})).GetStream()
	texts, continues, behind, more := []string{}, true, int64(-1), false
	for event := range events.Events() {
		seen := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for _, record := range seen.Records {
			texts = append(texts, string(record.Data))
		}
		continues = continues && aws.ToString(seen.ContinuationSequenceNumber) != ""
		behind = *seen.MillisBehindLatest
		if len(texts) >= 20 && !more {
			more = true
			p.put(stream, 20, 20, 5)
		}
		if len(texts) >= 40 {
			break
		}
	}
	must0(events.Err())
	must0(events.Close())
	must(p.DeregisterStreamConsumer(p, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
	until("the consumer is gone", func() bool {
		return len(must(p.ListStreamConsumers(p, &kinesis.ListStreamConsumersInput{StreamARN: arn})).Consumers) == 0
	})
	return answer{"status": status, "texts": texts, "continues": continues, "behind": behind, "consumers": []string{}}
}

func isOpen(shard types.Shard) bool { return shard.SequenceNumberRange.EndingSequenceNumber == nil }

func parents(shard types.Shard) (ids []string) {
	for _, id := range []*string{shard.ParentShardId, shard.AdjacentParentShardId} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

func (p peer) walk(stream string, family []types.Shard) (records []types.Record, ended []string) {
	queue, done := []string{*family[0].ShardId}, map[string]bool{}
	for len(queue) > 0 {
		shard := queue[0]
		queue = queue[1:]
		seen, children, atEnd := p.read(stream, &shard)
		done[shard] = true
		records = append(records, seen...)
		if atEnd {
			ended = append(ended, shard)
		}
		for _, child := range children {
			at := slices.IndexFunc(family, func(s types.Shard) bool { return *s.ShardId == *child.ShardId })
			waits := slices.ContainsFunc(parents(family[at]), func(parent string) bool { return !done[parent] })
			if !waits && !slices.Contains(queue, *child.ShardId) {
				queue = append(queue, *child.ShardId)
			}
		}
	}
	return records, ended
}

func (p peer) reshard(stream string) answer {
	p.create(stream, 1)
	p.put(stream, 0, 20, 5)
	must(p.SplitShard(p, &kinesis.SplitShardInput{
		StreamName: &stream, ShardToSplit: p.shards(stream)[0].ShardId, NewStartingHashKey: aws.String(middle),
	}))
	p.active(stream)
	p.put(stream, 20, 20, 5)
	open := slices.DeleteFunc(p.shards(stream), func(s types.Shard) bool { return !isOpen(s) })
	must(p.MergeShards(p, &kinesis.MergeShardsInput{
		StreamName: &stream, ShardToMerge: open[0].ShardId, AdjacentShardToMerge: open[1].ShardId,
	}))
	p.active(stream)
	p.put(stream, 40, 20, 5)
	must(p.UpdateShardCount(p, &kinesis.UpdateShardCountInput{
		StreamName: &stream, TargetShardCount: aws.Int32(2), ScalingType: types.ScalingTypeUniformScaling,
	}))
	p.active(stream)
	p.put(stream, 60, 20, 5)
	family := p.shards(stream)
	records, ended := p.walk(stream, family)
	var lineage [][3]*string
	var ids []string
	for _, shard := range family {
		lineage = append(lineage, [3]*string{shard.ShardId, shard.ParentShardId, shard.AdjacentParentShardId})
		if isOpen(shard) {
			ids = append(ids, *shard.ShardId)
		}
	}
	return answer{"records": pairs(records), "ended": ended, "lineage": lineage, "open": ids}
}
