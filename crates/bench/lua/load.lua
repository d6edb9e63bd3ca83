-- The requests of a file, one after another for ever: a path a line, and after a tab the value of If-None-Match.
-- At the end one line that programs read.

local requests, next_request = {}, 0
-- Of the thread's own; `done` asks for it.
hits, refusal = 0, ""

function setup(thread)
    threads = threads or {}
    table.insert(threads, thread)
end

function init(args)
    for line in io.lines(args[1]) do
        local path, etag = line:match("^([^\t]+)\t?(.*)$")
        local headers = { ["Host"] = wrk.headers["Host"] }
        if etag ~= "" then
            headers["If-None-Match"] = etag
        end
        table.insert(requests, wrk.format("GET", path, headers))
    end
    -- Reading every answer's headers costs the generator time: only where they are asked for.
    if args[2] == "hits" then
        response = function(status, headers, body)
            if status > 399 then
                refusal = status .. " " .. body:sub(1, 300)
            end
            local cache = headers["cache-status"] or headers["Cache-Status"] or ""
            if cache:find("; hit", 1, true) then
                hits = hits + 1
            end
        end
    end
end

function request()
    next_request = next_request % #requests + 1
    return requests[next_request]
end

function done(summary, latency)
    local all_hits = 0
    for _, thread in ipairs(threads) do
        all_hits = all_hits + thread:get("hits")
        if thread:get("refusal") ~= "" then
            io.write("refusal ", thread:get("refusal"), "\n")
        end
    end
    local errors = summary.errors
    io.write(string.format(
        "result requests=%d micros=%d p50=%d p99=%d refused=%d broken=%d hits=%d\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, all_hits
    ))
end
