use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use log::inspect::{FrameReport, IndexState, Inspection, SegmentReport, inspect};
use rt::{Rt, Timestamp};

use crate::cli::InspectArgs;
use crate::config::default_data_dir;

/// Prints what the files of the log hold.
///
/// # Errors
/// When they cannot be read, or something in them is damaged.
pub async fn run(args: InspectArgs, rt: &Rt) -> Result<()> {
    let data_dir = args.data_dir.clone().map_or_else(default_data_dir, Ok)?;
    rt.blocking("log inspect", move || print(&data_dir.join("log"), &args)).await
}

fn print(dir: &Path, args: &InspectArgs) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let inspection = inspect(dir, |frame| {
        if args.frames && written.is_ok() {
            written = if args.json { json_line(&mut out, frame) } else { frame_line(&mut out, frame) };
        }
    })
    .with_context(|| format!("cannot read the log in {}", dir.display()))?;
    written?;
    if args.json {
        json_line(&mut out, &inspection)?
    } else {
        summary(&mut out, &inspection)?
    }
    out.flush()?;
    if inspection.is_damaged {
        bail!("the log in {} is damaged", dir.display());
    }
    Ok(())
}

fn json_line(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn frame_line(out: &mut impl Write, frame: &FrameReport) -> io::Result<()> {
    let FrameReport { segment, position, bytes, partition, first, records, at } = frame;
    writeln!(
        out,
        "segment {segment} at {position}: {bytes} bytes, partition {partition:x}, offset {first}, {records} records, {at}"
    )
}

fn summary(out: &mut impl Write, inspection: &Inspection) -> io::Result<()> {
    for segment in &inspection.segments {
        segment_lines(out, segment)?;
    }
    for (id, partition) in &inspection.partitions {
        writeln!(
            out,
            "partition {id:x}: offsets {}..{}, {} records in {} frames, {} bytes, {} to {}",
            partition.first,
            partition.end,
            partition.records,
            partition.frames,
            partition.bytes,
            partition.first_at,
            partition.last_at
        )?;
        if partition.skipped > 0 {
            writeln!(out, "  {} offsets have no record", partition.skipped)?;
        }
    }
    if inspection.repeated_offsets > 0 {
        writeln!(out, "DAMAGED: {} frames repeat offsets", inspection.repeated_offsets)?;
    }
    let records: u64 = inspection.segments.iter().map(|segment| segment.records).sum();
    let (segments, partitions) = (inspection.segments.len(), inspection.partitions.len());
    writeln!(out, "{segments} segments, {partitions} partitions, {records} records")
}

fn segment_lines(out: &mut impl Write, segment: &SegmentReport) -> io::Result<()> {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    writeln!(
        out,
        "{}: format {}, {} of {} bytes, {} records in {} frames of {} partitions, {} to {}, index {}",
        segment.file,
        segment.version,
        segment.valid_bytes,
        segment.bytes,
        segment.records,
        segment.frames,
        segment.partitions,
        time(segment.first_at),
        time(segment.last_at),
        match segment.index {
            IndexState::Sound => "sound",
            IndexState::Missing => "not written yet",
            IndexState::Damaged => "DAMAGED",
            IndexState::Differs => "DIFFERS",
        }
    )?;
    for damage in &segment.damage {
        let what = if damage.acknowledged { "DAMAGED" } else { "unfinished" };
        writeln!(out, "  {what}: {} bytes at {}", damage.bytes, damage.position)?;
    }
    Ok(())
}
