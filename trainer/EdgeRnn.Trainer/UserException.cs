namespace EdgeRnn.Trainer;

/// <summary>
/// Something the user can put right: bad data, a bad option, an unwritable folder. Its message is one sentence that
/// names the input and the remedy; programs print it alone, without a stack trace, and exit with code 1.
/// </summary>
public sealed class UserException : Exception
{
    /// <summary>An error without a message.</summary>
    public UserException()
    {
    }

    /// <summary>An error with the sentence that the user reads.</summary>
    public UserException(string message)
        : base(message)
    {
    }

    /// <summary>An error with the sentence that the user reads and what it was found by.</summary>
    public UserException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
