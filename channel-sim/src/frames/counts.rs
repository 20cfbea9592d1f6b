//! What happened on a medium.

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wake-ups of node code: deadlines, and what its PHY told at one instant without a frame.
    pub wakes: u64,
    /// Frames, data and acknowledgements, that node code was given.
    pub frames_handled: u64,
    /// Data frames sent.
    pub data_sent: u64,
    /// Acknowledgements sent.
    pub acks_sent: u64,
    /// Preambles not found by a free receiver.
    pub unheard: u64,
    /// Wrong FCHs.
    pub header_failed: u64,
    /// Wrong payloads.
    pub payload_failed: u64,
    /// Receptions that another frame disturbed.
    pub disturbed: u64,
    /// Frames that a receiver was not aware of, since it was of as many others.
    pub overlooked: u64,
    /// Events taken from the queue.
    pub queued: u64,
}

impl Counts {
    /// Wake-ups and delivered frames: events with node code.
    pub fn events(&self) -> u64 {
        self.wakes + self.frames_handled
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.wakes += other.wakes;
        self.frames_handled += other.frames_handled;
        self.data_sent += other.data_sent;
        self.acks_sent += other.acks_sent;
        self.unheard += other.unheard;
        self.header_failed += other.header_failed;
        self.payload_failed += other.payload_failed;
        self.disturbed += other.disturbed;
        self.overlooked += other.overlooked;
        self.queued += other.queued;
    }
}
