//! A recording as a picture: waveform, spectrogram, and of one frame what synchronisation goes by, the constellation and
//! the carriers' signal to noise.

use super::constellation::Constellation;
use super::report::{FrameReport, Replay};
use plotters::coord::Shift;
use plotters::prelude::*;
use rustfft::num_complex::Complex32;

const SIZE: (u32, u32) = (1_000, 1_100);
/// Columns of waveform and spectrogram.
const COLUMNS: usize = 240;
/// Points of the spectrogram's transform, and rows that its bins are put into.
const POINTS: usize = 256;
const ROWS: usize = 64;
/// The spectrogram's colours span this much.
const SPAN_DB: f32 = 80.0;
/// Most points of a constellation that are drawn.
const MOST_POINTS: usize = 2_500;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// What a picture shows.
pub(super) struct Picture<'a> {
    /// What was recorded, and in which band.
    pub(super) title: String,
    /// Samples.
    pub(super) volts: &'a [f32],
    /// Their rate.
    pub(super) rate_hz: f64,
    /// Frames: from and to in seconds, and whether they were understood.
    pub(super) frames: Vec<(f64, f64, bool)>,
    /// The frame looked at.
    pub(super) frame: Option<Look>,
}

/// What is shown of a frame.
pub(super) struct Look {
    /// Number and kind.
    pub(super) name: String,
    /// What its metric is.
    pub(super) metric_name: &'static str,
    /// What synchronisation goes by, against samples from the frame's start.
    pub(super) metric: Vec<(i64, f32)>,
    /// The payload's points.
    pub(super) constellation: Option<Constellation>,
    /// What its carriers' ratios are measured by.
    pub(super) carriers_from: &'static str,
    /// Frequency in Hz and signal to noise in dB of each carrier.
    pub(super) carriers: Vec<(f32, f32)>,
}

/// The picture as SVG; `number` is that of the frame looked at, else the first with a payload.
///
/// # Errors
/// Where there is no such frame, or the picture cannot be drawn.
pub fn svg(replay: &Replay, number: Option<usize>) -> Result<String, String> {
    let shows = |frame: &FrameReport| frame.constellation().is_some();
    let frame = chosen(&replay.frames, number, |frame| frame.number, shows)?;
    let look = |frame: &FrameReport| Look {
        name: format!("#{} {}", frame.number, frame.kind),
        metric_name: "correlation of 256 samples with SYNCP",
        metric: frame.metric().to_vec(),
        constellation: frame.constellation().cloned(),
        carriers_from: "from the header",
        carriers: frame.carriers.iter().map(|carrier| (carrier.hz, carrier.snr_db)).collect(),
    };
    let span =
        |frame: &FrameReport| (frame.start_s, frame.start_s + frame.duration_ms / 1e3, frame.is_understood());
    drawn(&Picture {
        title: format!("{}, {}", replay.about.point.as_deref().unwrap_or("recording"), replay.band),
        volts: &replay.volts,
        rate_hz: replay.rate_hz,
        frames: replay.frames.iter().map(span).collect(),
        frame: frame.map(look),
    })
}

/// The frame of a number, or the first that has something to show.
pub(super) fn chosen<T>(
    frames: &[T],
    number: Option<usize>,
    number_of: impl Fn(&T) -> usize,
    shows: impl Fn(&T) -> bool,
) -> Result<Option<&T>, String> {
    let Some(number) = number else { return Ok(frames.iter().find(|frame| shows(frame))) };
    let found = frames.iter().find(|frame| number_of(frame) == number);
    let count = frames.len();
    found.map(Some).ok_or_else(|| format!("there is no frame {number}; the recording has {count}"))
}

/// A picture as SVG.
pub(super) fn drawn(picture: &Picture<'_>) -> Result<String, String> {
    let mut text = String::new();
    let mut dense = String::new();
    draw(picture, &mut text, &mut dense).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    let end = text.rfind("</svg>").unwrap_or(text.len());
    text.insert_str(end, &dense);
    Ok(text)
}

/// Draws into `text` what has few elements, and into `dense` what has thousands: there they share paths.
fn draw(picture: &Picture<'_>, text: &mut String, dense: &mut String) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (over_time, of_frame) = root.split_vertically(540);
    let (wave, spectrum) = over_time.split_vertically(220);
    waveform(picture, &wave)?;
    spectrogram(picture, &spectrum, dense)?;
    if let Some(frame) = &picture.frame {
        let (start, of_frame) = of_frame.split_vertically(200);
        metric(frame, &start)?;
        let (left, right) = of_frame.split_horizontally(400);
        constellation(frame, &left, dense)?;
        carriers(frame, &right)?;
    }
    root.present()?;
    Ok(())
}

/// Lowest and highest sample of each column, frames marked by a bar.
fn waveform(picture: &Picture<'_>, area: &Area<'_>) -> Drawn {
    let per_column = picture.volts.len().div_ceil(COLUMNS).max(1);
    let peak = picture.volts.iter().fold(1e-9_f32, |peak, volt| peak.max(volt.abs()));
    let seconds = picture.volts.len().max(1) as f64 / picture.rate_hz;
    let mut chart = ChartBuilder::on(area)
        .caption(&picture.title, ("sans-serif", 18))
        .margin(8)
        .x_label_area_size(25)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..seconds, -1.15 * peak..1.15 * peak)?;
    chart.configure_mesh().y_desc("volts").x_desc("seconds").y_labels(5).draw()?;
    chart.draw_series(picture.frames.iter().map(|&(start, end, is_understood)| {
        let colour = if is_understood { GREEN } else { RED };
        Rectangle::new([(start, 1.06 * peak), (end, 1.15 * peak)], colour.mix(0.7).filled())
    }))?;
    // One line down and up again: an element a column would be half the file.
    let columns = picture.volts.chunks(per_column).enumerate().flat_map(|(column, samples)| {
        let low = samples.iter().copied().fold(f32::INFINITY, f32::min);
        let high = samples.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let at = (column * per_column) as f64 / picture.rate_hz;
        [(at, low), (at, high)]
    });
    chart.draw_series([PathElement::new(columns.collect::<Vec<_>>(), BLUE.stroke_width(1))])?;
    Ok(())
}

/// Level in each column and row, the mean over what falls into the column.
fn spectrogram(picture: &Picture<'_>, area: &Area<'_>, dense: &mut String) -> Drawn {
    let columns = levels(picture.volts);
    let seconds = picture.volts.len().max(1) as f64 / picture.rate_hz;
    let top_khz = picture.rate_hz / 2e3;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(35)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..seconds, 0.0..top_khz)?;
    let highest = columns.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    let step = |column: &Vec<f32>, row: usize| {
        let level = column.get(row).copied().unwrap_or(f32::NEG_INFINITY);
        (((level - highest) / SPAN_DB + 1.0).clamp(0.0, 1.0) * 15.0).round() as u8
    };
    // A path for each colour; neighbours of one colour are one stroke.
    let mut paths = vec![String::new(); 16];
    for row in 0..ROWS {
        let mut from = 0;
        while let Some(colour) = columns.get(from).map(|column| step(column, row)) {
            let same = columns.iter().skip(from).take_while(|column| step(column, row) == colour).count();
            if let Some(path) = paths.get_mut(usize::from(colour)) {
                *path += &format!("M{from} {}h{same}", ROWS - 1 - row);
            }
            from += same;
        }
    }
    let (x, y) = chart.plotting_area().get_pixel_range();
    let wide = f64::from(x.end - x.start) / columns.len().max(1) as f64;
    let high = f64::from(y.end - y.start) / ROWS as f64;
    *dense += &format!(
        "<g transform=\"translate({} {:.3}) scale({wide:.5} {high:.5})\" fill=\"none\" stroke-width=\"1.05\">\n",
        x.start,
        f64::from(y.start) + high / 2.0
    );
    for (colour, path) in (0..).zip(&paths).filter(|(_, path)| !path.is_empty()) {
        let RGBColor(red, green, blue) = shade(colour);
        *dense += &format!("<path stroke=\"#{red:02x}{green:02x}{blue:02x}\" d=\"{path}\"/>\n");
    }
    *dense += "</g>\n";
    chart
        .configure_mesh()
        .disable_mesh()
        .y_desc("kHz")
        .x_desc(format!("seconds; colours span {SPAN_DB} dB below the highest"))
        .draw()?;
    Ok(())
}

fn levels(volts: &[f32]) -> Vec<Vec<f32>> {
    let fft = crate::exact::forward(POINTS);
    let per_column = volts.len().div_ceil(COLUMNS).max(POINTS);
    let window = |n: usize| 0.5 - 0.5 * libm::cosf(std::f32::consts::TAU * n as f32 / POINTS as f32);
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
        let rows = sums.chunks(POINTS / 2 / ROWS).map(|bins| bins.iter().sum::<f32>());
        rows.map(|sum| 10.0 * libm::log10f(sum.max(1e-20))).collect()
    };
    volts.chunks(per_column).filter(|samples| samples.len() >= POINTS).map(column).collect()
}

/// Dark blue to yellow.
fn shade(step: u8) -> RGBColor {
    let x = f32::from(step) / 15.0;
    let mix = |from: f32, to: f32| (from + (to - from) * x) as u8;
    RGBColor(mix(20.0, 253.0), mix(16.0, 231.0), (90.0 + 90.0 * libm::sinf(x * 3.1) - 60.0 * x) as u8)
}

/// What synchronisation goes by.
fn metric(frame: &Look, area: &Area<'_>) -> Drawn {
    let metric = &frame.metric;
    let ends = metric.first().zip(metric.last()).map_or((0, 1), |(first, last)| (first.0, last.0));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: {}", frame.name, frame.metric_name), ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(35)
        .y_label_area_size(60)
        .build_cartesian_2d(ends.0..ends.1, -1.1_f32..1.1)?;
    chart.configure_mesh().x_desc("samples from the frame's start").y_labels(5).draw()?;
    chart.draw_series([PathElement::new(metric.clone(), BLUE.stroke_width(1))])?;
    Ok(())
}

fn constellation(frame: &Look, area: &Area<'_>, dense: &mut String) -> Drawn {
    let Some(found) = &frame.constellation else { return Ok(()) };
    let title = format!("{}: EVM {:.1} dB", frame.name, found.evm_db);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(-2.0_f32..2.0, -2.0_f32..2.0)?;
    chart.configure_mesh().x_labels(5).y_labels(5).light_line_style(WHITE).draw()?;
    let every = found.points.len().div_ceil(MOST_POINTS).max(1);
    let points = found.points.iter().step_by(every);
    let dots: String = points
        .map(|point| chart.backend_coord(&(point.re.clamp(-2.0, 2.0), point.im.clamp(-2.0, 2.0))))
        .map(|(x, y)| format!("M{x} {y}h0"))
        .collect();
    *dense += &format!(
        "<path fill=\"none\" stroke=\"#0000ff\" stroke-opacity=\"0.4\" stroke-width=\"2\" \
         stroke-linecap=\"round\" d=\"{dots}\"/>\n"
    );
    chart.draw_series((0..found.phases).map(|phase| {
        let angle = std::f32::consts::TAU * f32::from(phase) / f32::from(found.phases);
        Cross::new((libm::cosf(angle), libm::sinf(angle)), 6, RED.stroke_width(2))
    }))?;
    Ok(())
}

fn carriers(frame: &Look, area: &Area<'_>) -> Drawn {
    let edges = |of: fn(f32, f32) -> f32, value: fn(&(f32, f32)) -> f32| {
        frame.carriers.iter().map(value).reduce(of).unwrap_or_default()
    };
    let (low_hz, high_hz) = (edges(f32::min, |c| c.0), edges(f32::max, |c| c.0));
    let (low, high) = (edges(f32::min, |c| c.1).min(0.0), edges(f32::max, |c| c.1).max(5.0));
    // A bar reaches a third of the way to its neighbours.
    let half_khz = (high_hz - low_hz) / 1e3 / frame.carriers.len().max(2) as f32 / 3.0;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("signal to noise of each carrier, {}", frame.carriers_from), ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(low_hz / 1e3 - 1.0..high_hz / 1e3 + 1.0, low - 2.0..high + 3.0)?;
    chart.configure_mesh().x_desc("kHz").y_desc("dB").draw()?;
    chart.draw_series(frame.carriers.iter().map(|&(hz, snr_db)| {
        let at = hz / 1e3;
        Rectangle::new([(at - half_khz, low - 2.0), (at + half_khz, snr_db)], BLUE.mix(0.6).filled())
    }))?;
    Ok(())
}
