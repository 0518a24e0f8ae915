-- wrk's requests, and the format of its results.
local number = 0

function request()
  number = number + 1
  return wrk.format("POST", "/words", { ["x-user"] = "u" .. number, ["content-type"] = "text/plain" }, BODY)
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("result %d %f", failed, summary.requests / summary.duration * 1e6))
  for _, percentile in ipairs({ 50, 90, 99, 99.9 }) do
    io.write(string.format(" %f", latency:percentile(percentile)))
  end
  io.write("\n")
end
