-- Comments on the articles of a file (a path a line), every one another's and with another text.

local paths, number = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        table.insert(paths, line)
    end
    run = args[2]
end

function request()
    number = number + 1
    local body = string.format(
        '{"author_name":"Reader %d","author_email":"reader-%d-%s@example.com","body":"A thought of its own, number %d of %s."}',
        number, number, run, number, run
    )
    return wrk.format("POST", paths[number % #paths + 1], { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "result requests=%d micros=%d p50=%d p99=%d refused=%d broken=%d hits=0\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout
    ))
end
