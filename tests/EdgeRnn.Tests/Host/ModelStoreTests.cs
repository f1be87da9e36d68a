using EdgeRnn.Host.Models;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>Whatever happens while a model is replaced, the next start has the old one or the new one, whole.</summary>
public class ModelStoreTests
{
    private static readonly byte[][] Files = [.. Enumerable.Range(0, 4).Select(i => File(i, 2))];

    private static readonly ModelLoader Loader = new(null);

    // What happens to a model after it was offered.
    private static readonly Dictionary<string, Action<ModelStore>> Fates = new()
    {
        ["accepted"] = store => { Begin(store); store.Accept(); },
        ["rejected"] = store => { Begin(store); store.Reject(); },
        ["refused"] = store => store.Reject(ModelStore.Trial),
        ["withdrawn"] = store => { Begin(store); store.Withdraw(); },
        ["started with, accepted"] = store => { Choose(store, null); store.Accept(); },
        ["offered anew on trial"] = store => { Begin(store); store.Offer(Files[2]); Begin(store); store.Accept(); },
    };

    [Fact]
    public void A_model_that_is_withdrawn_makes_way_for_a_newer_one()
    {
        var folder = new CrashingFolder(new(1));
        var store = new ModelStore(folder);
        store.Offer(Files[1]);
        Begin(store);
        store.Offer(Files[2]);
        Assert.Equal(0, store.Withdraw());
        Assert.Equal(Files[2], folder.Read(ModelStore.Trial, out _));
        Assert.False(store.HasRunning);
    }

    [Fact]
    public void Cut_anywhere_a_start_has_the_old_model_or_the_new_one()
    {
        const int Seeds = 190;
        int cuts = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            foreach (var (fate, happens) in Fates)
            {
                for (int cutAt = 0; CutOnce(seed, fate, happens, cutAt); cutAt++)
                    cuts++;
            }
        }
        Assert.True(cuts >= 10_000, $"{cuts} cut points");
    }

    // Files[0] is current and, with odd seeds, Files[3] was before it; Files[1] replaces it. False once the whole
    // procedure took place before the cut.
    private static bool CutOnce(int seed, string fate, Action<ModelStore> happens, int cutAt)
    {
        var random = new SeededRandom((ulong)(seed * 1000 + cutAt));
        var folder = new CrashingFolder(random);
        var store = new ModelStore(folder);
        if (seed % 2 == 1)
            Install(store, Files[3]);
        Install(store, Files[0]);
        folder.CutAt = folder.Operations + cutAt;
        bool isCut = false;
        try
        {
            store.Offer(Files[1]);
            happens(store);
        }
        catch (CutException)
        {
            isCut = true;
        }
        End(folder, random);

        // The start that follows may be cut off as well.
        folder.CutAt = random.Below(3) == 0 ? folder.Operations + random.Below(4) : -1;
        try
        {
            Choose(store, null);
        }
        catch (CutException)
        {
        }
        End(folder, random);

        string where = $"seed {seed}, {fate}, cut at {cutAt}";
        AssertOneOf(where, Choose(store, null), fate == "offered anew on trial" ? [0, 1, 2] : [0, 1]);
        // Whatever the first start found, the second one, after a death or an orderly end, finds a whole model as well.
        End(folder, random);
        AssertOneOf(where, Choose(store, null), fate == "offered anew on trial" ? [0, 1, 2] : [0, 1]);
        return isCut;
    }

    [Fact]
    public void What_was_finished_outlives_every_cut()
    {
        foreach (var (fate, expected, onTrial) in new[]
            {
                ("accepted", 1, false), ("rejected", 0, false), ("refused", 0, false), ("withdrawn", 1, true),
                ("started with, accepted", 1, false), ("offered anew on trial", 2, false),
            })
        {
            for (int seed = 0; seed < 200; seed++)
            {
                var folder = new CrashingFolder(new((ulong)seed));
                var store = new ModelStore(folder);
                Install(store, Files[0]);
                store.Offer(Files[1]);
                Fates[fate](store);
                folder.CutPower();
                var start = Choose(store, null);
                AssertOneOf($"seed {seed}, {fate}", start, expected);
                Assert.Equal(onTrial, start!.OnTrial);
            }
        }
    }

    [Fact]
    public void A_model_whose_process_dies_is_rejected_and_one_that_ends_in_order_is_tried_again()
    {
        var folder = new CrashingFolder(new(1));
        var store = new ModelStore(folder);
        Install(store, Files[0]);
        store.Offer(Files[1]);
        Assert.True(Choose(store, null)!.OnTrial);
        Assert.Equal(0, store.Withdraw());
        var second = Choose(store, null)!;
        Assert.True(second.OnTrial);
        AssertOneOf("tried again", second, 1);

        List<string> said = [];
        var third = StartModel.Choose(store, Loader, null, said.Add, out _)!;
        Assert.False(third.OnTrial);
        AssertOneOf("back", third, 0);
        Assert.Contains("the process ended while it was on trial", Assert.Single(said), StringComparison.Ordinal);
        Assert.False(store.HasRunning || store.HasTrial);
    }

    [Fact]
    public void A_full_disk_leaves_the_old_model_as_it_is()
    {
        for (int fullAt = 0; fullAt < 12; fullAt++)
        {
            foreach (var (fate, happens) in Fates)
            {
                var folder = new CrashingFolder(new((ulong)fullAt));
                var store = new ModelStore(folder);
                Install(store, Files[0]);
                folder.FullAt = folder.Operations + fullAt;
                int error = store.Offer(Files[1]);
                Assert.True(error == 0 || !store.HasTrial, "an offer that failed left something behind");
                if (error == 0)
                    happens(store);
                AssertOneOf($"{fate}, full at {fullAt}", Choose(store, null), fullAt < 4 ? [0] : [0, 1, 2]);
                folder.CutPower();
                AssertOneOf($"{fate}, full at {fullAt}", Choose(store, null), [0, 1, 2]);
            }
        }
    }

    [Fact]
    public void Without_a_current_model_the_one_before_it_or_that_of_the_command_line_serves()
    {
        using var factory = new ModelFile(Model(3, 2));
        var store = new ModelStore(new CrashingFolder(new(1)));
        Assert.Null(StartModel.Choose(store, Loader, null, _ => { }, out string? error));
        Assert.StartsWith("there is no model", error, StringComparison.Ordinal);
        AssertOneOf("command line", Choose(store, factory.Name), 3);

        // Nothing else is there: a model that failed is better than none, for ever.
        store.Offer(Files[1]);
        for (int start = 0; start < 3; start++)
            AssertOneOf("the only one", Choose(store, null), 1);
        AssertOneOf("command line", Choose(store, factory.Name), 3);

        Install(store, Files[0]);
        Install(store, Files[1]);
        var folder = new CrashingFolder(new(1));
        folder.Write(ModelStore.Current, Files[1].AsSpan(0, 100));
        folder.Write(ModelStore.Previous, Files[0]);
        AssertOneOf("previous", Choose(new(folder), factory.Name), 0);
    }

    [Fact]
    public void A_new_model_that_does_not_fit_the_line_is_refused()
    {
        var store = new ModelStore(new CrashingFolder(new(1)));
        Install(store, Files[0]);
        store.Offer(File(1, 3));
        List<string> said = [];
        AssertOneOf("width", StartModel.Choose(store, Loader, null, said.Add, out _), 0);
        Assert.Equal("the new model is rejected: it reads 3 channels, and the line carries 2", Assert.Single(said));
        Assert.False(store.HasTrial);

        var line = Model(0, 2) with { SampleRateHz = 50, Channels = ["a", "b"] };
        Assert.Null(ModelLoader.Fits(line with { SampleRateHz = 50.1f }, line));
        Assert.Null(ModelLoader.Fits(line with { SampleRateHz = 0, Channels = [] }, line));
        Assert.Contains("100 readings", ModelLoader.Fits(line with { SampleRateHz = 100 }, line));
        Assert.Contains("b, a", ModelLoader.Fits(line with { Channels = ["b", "a"] }, line));
        Assert.Contains("self-test", ModelLoader.Fits(line with { SelfTest = null }, line));
    }

    [Fact]
    public void A_model_whose_self_test_fails_is_refused()
    {
        var model = Model(1, 2);
        byte[] scores = model.SelfTest!.Scores.ToArray();
        scores[0] ^= 1; // the last bit of the first score
        byte[] file = ModelWriter.Write(model with { SelfTest = model.SelfTest with { Scores = scores } });
        Assert.Null(Loader.Load(file, out string? error));
        Assert.StartsWith("its self-test gives other bits", error, StringComparison.Ordinal);
    }

    private static RnnModel Model(int number, int inputs) =>
        SelfTests.Attach(RandomModels.Create((ulong)number, Precision.Int8, inputs, "rnn:3,dense:2"));

    private static byte[] File(int number, int inputs) => ModelWriter.Write(Model(number, inputs));

    private static void Install(ModelStore store, byte[] file)
    {
        Assert.Equal(0, store.Offer(file));
        Assert.Equal(0, store.Begin());
        Assert.Equal(0, store.Accept());
    }

    // What a running host does with an offer.
    private static void Begin(ModelStore store)
    {
        if (!store.HasTrial)
            return; // the disk was full
        Assert.NotNull(Loader.Load(store.Read(ModelStore.Trial, out _)!, out _));
        store.Begin();
    }

    private static void End(CrashingFolder folder, SeededRandom random)
    {
        if (random.Below(3) == 0)
            folder.Kill();
        else
            folder.CutPower();
    }

    private static StartModel? Choose(ModelStore store, string? factory) =>
        StartModel.Choose(store, Loader, factory, _ => { }, out _);

    private static void AssertOneOf(string where, StartModel? start, params int[] numbers) => Assert.True(
        numbers.Any(i => start?.Stream.Model.Checksum == BitConverter.ToUInt32(Files[i].AsSpan(^4..))),
        $"{where}: {(start is null ? "no model" : "another model")}");
}
