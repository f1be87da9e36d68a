using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class DataSpecTests : IDisposable
{
    private readonly DataFolder _folder = new();

    [Fact]
    public void Kind_path_and_options_are_told_apart()
    {
        var spec = DataSpec.Parse("csv:C:/data/gestures?window=119&hop=60&count=7");
        Assert.Equal("csv", spec.Kind);
        Assert.Equal("C:/data/gestures", spec.Path);
        Assert.Equal(7, spec.Count);
    }

    [Theory]
    [InlineData("gestures", "data 'gestures' begins with no known kind", "csv:DIR")]
    [InlineData("mp3:recordings", "begins with no known kind", "idx:DIR/train")]
    [InlineData("csv:", "names nothing after the colon", "csv:DIR")]
    [InlineData("csv:x?windows=3", "csv knows no option 'windows'", "window, hop, channels, group, label, time")]
    [InlineData("ts:x?window=3", "ts knows no option 'window'", "it knows rate, count")]
    [InlineData("csv:x?window", "option 'window' has no value", "window=VALUE")]
    [InlineData("csv:x?window=3&window=4", "option 'window' is there twice", "leave one")]
    [InlineData("csv:x?window=0", "window is '0'", "a whole number from 1")]
    [InlineData("csv:x?window=3.5", "window is '3.5'", "a whole number from 1")]
    [InlineData("csv:x?window=3&hop=-1", "hop is '-1'", "a whole number from 1")]
    [InlineData("csv:x?hop=3", "hop is '3'", "write window=N&hop=N")]
    [InlineData("csv:x?count=0", "count is '0'", "a whole number from 1")]
    [InlineData("synthetic:noise", "no synthetic data set 'noise'", "synthetic:motion")]
    [InlineData("synthetic:motion?part=dev", "part is 'dev'", "train or test")]
    [InlineData("synthetic:motion?noise=-1", "noise is '-1'", "a number from 0 to 100")]
    [InlineData("synthetic:motion?count=1000001", "count is '1000001'", "at most 1000000")]
    public void A_bad_spec_is_refused(string spec, params string[] expected) => _folder.Refuses(spec, expected);

    [Fact]
    public void Names_that_a_model_cannot_carry_are_refused()
    {
        _folder.With($"{new string('a', 65)}.csv", "x\n1\n");
        _folder.Refuses("csv:@", "is longer than 64 bytes; shorten it");
    }

    [Fact]
    public void A_rate_is_a_number()
    {
        _folder.With("a.csv", "x\n1\n");
        Assert.Equal(50, _folder.Load("csv:@?rate=50").SampleRateHz);
        _folder.Refuses("csv:@?rate=fast", "rate is 'fast'");
    }

    public void Dispose() => _folder.Dispose();
}
