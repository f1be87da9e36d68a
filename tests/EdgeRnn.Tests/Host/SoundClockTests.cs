using System.Diagnostics;
using EdgeRnn.Features;
using EdgeRnn.Host.Pipeline;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What is missing from a pipe of live sound, told by the machine's clock.</summary>
public class SoundClockTests
{
    private const int BytesPerMs = 32;

    private readonly SoundClock _clock = new(new(SampleFormat.Int16, 1, 16000));
    private readonly List<(double Ms, long Missing)> _found = [];
    private double _now;
    private double _sound;

    [Fact]
    public void Sound_that_comes_as_it_is_made_is_whole_whatever_the_crystals_say()
    {
        Play(ms: 600_000, every: 125, speed: 1 - 200e-6, late: n => n * 37 % 100);
        Assert.Empty(_found);
        Assert.Equal((0, 0), (_clock.Overruns, _clock.MissingMs));
    }

    [Fact]
    public void What_is_lost_is_counted_though_it_is_lost_in_small_pieces()
    {
        Play(ms: 10_000, every: 125);
        _now += 700; // time goes by without sound
        Play(ms: 5_000, every: 125);
        Assert.Equal((1, 700), (_clock.Overruns, _clock.MissingMs));
        Assert.InRange(_found[0].Ms, 10_700, 13_000);
        for (int i = 0; i < 20; i++)
        {
            _now += 50;
            Play(ms: 1_000, every: 125);
        }
        Assert.InRange(_clock.MissingMs, 1_300, 1_700); // of a second more
    }

    [Fact]
    public void Sound_that_waited_for_the_reader_is_late_and_not_missing()
    {
        Play(ms: 5_000, every: 125);
        _now += 1_900; // as much as a pipe holds, and read at once
        for (int i = 0; i < 15; i++)
            Hear(125, 0.01);
        Play(ms: 5_000, every: 125);
        Assert.Equal(0, _clock.Overruns);
    }

    [Fact]
    public void A_recorder_that_was_there_before_us_and_a_file_are_told_apart()
    {
        Hear(2_400, 0); // waited in the pipe
        Play(ms: 5_000, every: 125);
        _now += 1_000;
        Play(ms: 3_000, every: 125);
        Assert.Equal((1, 1_000), (_clock.Overruns, _clock.MissingMs));

        var file = new SoundClock(new(SampleFormat.Int16, 1, 16000));
        for (int i = 1; i < 100; i++)
            Assert.False(file.Heard(i * 4096L * BytesPerMs, At(i)));
        Assert.False(file.Heard(100 * 4096L * BytesPerMs, At(10_000_000)));
        Assert.Equal(0, file.Overruns);
    }

    [Fact]
    public void Listening_to_the_clock_allocates_nothing()
    {
        Play(ms: 100, every: 125);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 1; i < 1000; i++)
            _clock.Heard(i, At(1000 * i));
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(_clock.Overruns > 0);
    }

    private void Play(double ms, double every, double speed = 1, Func<int, double>? late = null)
    {
        double end = _now + ms;
        for (int n = 0; _now < end; n++)
        {
            _now += every;
            _sound += every * speed;
            Heard(_now + (late?.Invoke(n) ?? 0));
        }
    }

    private void Hear(double soundMs, double ms)
    {
        _now += ms;
        _sound += soundMs;
        Heard(_now);
    }

    private void Heard(double ms)
    {
        if (_clock.Heard((long)(_sound * BytesPerMs), At(ms)))
            _found.Add((ms, _clock.LastMissingMs));
    }

    private static long At(double ms) => 1 + (long)(ms * Stopwatch.Frequency / 1000);
}
