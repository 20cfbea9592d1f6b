//! A recording as a picture: waveform, spectrogram, and of one frame the constellation and the carriers' signal to
//! noise.

use super::report::{FrameReport, Replay};
use plotters::coord::Shift;
use plotters::prelude::*;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;

const SIZE: (u32, u32) = (1_000, 900);
/// Columns of waveform and spectrogram.
const COLUMNS: usize = 320;
/// Points of the spectrogram's transform.
const POINTS: usize = 256;
/// The spectrogram's colours span this much.
const SPAN_DB: f32 = 80.0;
/// Most points of a constellation that are drawn.
const MOST_POINTS: usize = 2_500;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The picture as SVG; `number` is that of the frame looked at, else the first with a payload.
pub fn svg(replay: &Replay, number: Option<usize>) -> Result<String, String> {
    let frame = match number {
        None => replay.frames.iter().find(|frame| frame.constellation().is_some()),
        Some(number) => {
            let count = replay.frames.len();
            let frame = replay.frames.iter().find(|frame| frame.number == number);
            Some(frame.ok_or_else(|| format!("there is no frame {number}; the recording has {count}"))?)
        }
    };
    let mut text = String::new();
    draw(replay, frame, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

fn draw(replay: &Replay, frame: Option<&FrameReport>, text: &mut String) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (over_time, of_frame) = root.split_vertically(540);
    let (wave, spectrum) = over_time.split_vertically(220);
    waveform(replay, &wave)?;
    spectrogram(replay, &spectrum)?;
    if let Some(frame) = frame {
        let (left, right) = of_frame.split_horizontally(400);
        constellation(frame, &left)?;
        carriers(frame, &right)?;
    }
    root.present()?;
    Ok(())
}

/// Lowest and highest sample of each column, frames marked by a bar.
fn waveform(replay: &Replay, area: &Area<'_>) -> Drawn {
    let per_column = replay.volts.len().div_ceil(COLUMNS).max(1);
    let peak = replay.volts.iter().fold(1e-9_f32, |peak, volt| peak.max(volt.abs()));
    let seconds = replay.volts.len().max(1) as f64 / replay.rate_hz;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("{}, {}", replay.about.point.as_deref().unwrap_or("recording"), replay.band),
            ("sans-serif", 18),
        )
        .margin(8)
        .x_label_area_size(25)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..seconds, -1.15 * peak..1.15 * peak)?;
    chart.configure_mesh().y_desc("volts").x_desc("seconds").y_labels(5).draw()?;
    chart.draw_series(replay.frames.iter().map(|frame| {
        let end = frame.start_s + frame.duration_ms / 1e3;
        let colour = if frame.is_understood() { GREEN } else { RED };
        Rectangle::new([(frame.start_s, 1.06 * peak), (end, 1.15 * peak)], colour.mix(0.7).filled())
    }))?;
    chart.draw_series(replay.volts.chunks(per_column).enumerate().map(|(column, samples)| {
        let low = samples.iter().copied().fold(f32::INFINITY, f32::min);
        let high = samples.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let at = (column * per_column) as f64 / replay.rate_hz;
        PathElement::new([(at, low), (at, high)], BLUE.stroke_width(1))
    }))?;
    Ok(())
}

/// Level in each column and bin, the mean over what falls into the column.
fn spectrogram(replay: &Replay, area: &Area<'_>) -> Drawn {
    let columns = levels(&replay.volts);
    let seconds = replay.volts.len().max(1) as f64 / replay.rate_hz;
    let top_khz = replay.rate_hz / 2e3;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(35)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..seconds, 0.0..top_khz)?;
    let highest = columns.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    let width = seconds / columns.len().max(1) as f64;
    let height = top_khz / (POINTS / 2) as f64;
    let mut tiles = Vec::new();
    for bin in 0..POINTS / 2 {
        let step = |column: &Vec<f32>| {
            let level = column.get(bin).copied().unwrap_or(f32::NEG_INFINITY);
            (((level - highest) / SPAN_DB + 1.0).clamp(0.0, 1.0) * 15.0).round() as u8
        };
        // Neighbours of one colour are one tile.
        let mut from = 0;
        while from < columns.len() {
            let Some(colour) = columns.get(from).map(step) else { break };
            let same = columns.iter().skip(from).take_while(|column| step(column) == colour).count();
            if colour > 0 {
                let x = (from as f64 * width, (from + same) as f64 * width);
                let y = (bin as f64 * height, (bin + 1) as f64 * height);
                tiles.push(Rectangle::new([(x.0, y.0), (x.1, y.1)], shade(colour).filled()));
            }
            from += same;
        }
    }
    let floor = Rectangle::new([(0.0, 0.0), (seconds, top_khz)], shade(0).filled());
    chart.draw_series([floor])?;
    chart.draw_series(tiles)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .y_desc("kHz")
        .x_desc(format!("seconds; colours span {SPAN_DB} dB below the highest"))
        .draw()?;
    Ok(())
}

fn levels(volts: &[f32]) -> Vec<Vec<f32>> {
    let fft = FftPlanner::<f32>::new().plan_fft_forward(POINTS);
    let per_column = volts.len().div_ceil(COLUMNS).max(POINTS);
    let window = |n: usize| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / POINTS as f32).cos();
    let column = |samples: &[f32]| {
        let mut sums = vec![0.0_f32; POINTS / 2];
        let hop = (samples.len() / 8).max(POINTS / 2);
        for piece in samples.windows(POINTS).step_by(hop) {
            let mut bins: Vec<Complex32> =
                piece.iter().enumerate().map(|(n, volt)| Complex32::new(volt * window(n), 0.0)).collect();
            fft.process(&mut bins);
            for (sum, bin) in sums.iter_mut().zip(&bins) {
                *sum += bin.norm_sqr();
            }
        }
        sums.into_iter().map(|sum| 10.0 * sum.max(1e-20).log10()).collect()
    };
    volts.chunks(per_column).filter(|samples| samples.len() >= POINTS).map(column).collect()
}

/// Dark blue to yellow.
fn shade(step: u8) -> RGBColor {
    let x = f32::from(step) / 15.0;
    let mix = |from: f32, to: f32| (from + (to - from) * x) as u8;
    RGBColor(mix(20.0, 253.0), mix(16.0, 231.0), (90.0 + 90.0 * (x * 3.1).sin() - 60.0 * x) as u8)
}

fn constellation(frame: &FrameReport, area: &Area<'_>) -> Drawn {
    let Some(found) = frame.constellation() else {
        return Ok(());
    };
    let title = format!("#{} {}: EVM {:.1} dB", frame.number, frame.kind, found.evm_db);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(-2.0_f32..2.0, -2.0_f32..2.0)?;
    chart.configure_mesh().x_labels(5).y_labels(5).light_line_style(WHITE).draw()?;
    let every = found.points.len().div_ceil(MOST_POINTS).max(1);
    let points = found.points.iter().step_by(every);
    chart.draw_series(points.map(|point| {
        let at = (point.re.clamp(-2.0, 2.0), point.im.clamp(-2.0, 2.0));
        Circle::new(at, 1, BLUE.mix(0.4).filled())
    }))?;
    chart.draw_series((0..found.phases).map(|phase| {
        let angle = std::f32::consts::TAU * f32::from(phase) / f32::from(found.phases);
        Cross::new((angle.cos(), angle.sin()), 6, RED.stroke_width(2))
    }))?;
    Ok(())
}

fn carriers(frame: &FrameReport, area: &Area<'_>) -> Drawn {
    let all = || frame.carriers.iter();
    let edges = |of: fn(f32, f32) -> f32, value: fn(&super::report::CarrierReport) -> f32| {
        all().map(value).reduce(of).unwrap_or_default()
    };
    let (low_hz, high_hz) = (edges(f32::min, |c| c.hz), edges(f32::max, |c| c.hz));
    let (low, high) = (edges(f32::min, |c| c.snr_db).min(0.0), edges(f32::max, |c| c.snr_db).max(5.0));
    let mut chart = ChartBuilder::on(area)
        .caption("signal to noise of each carrier, from the header", ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(low_hz / 1e3 - 1.0..high_hz / 1e3 + 1.0, low - 2.0..high + 3.0)?;
    chart.configure_mesh().x_desc("kHz").y_desc("dB").draw()?;
    chart.draw_series(all().map(|carrier| {
        let at = carrier.hz / 1e3;
        Rectangle::new([(at - 0.5, low - 2.0), (at + 0.5, carrier.snr_db)], BLUE.mix(0.6).filled())
    }))?;
    Ok(())
}
