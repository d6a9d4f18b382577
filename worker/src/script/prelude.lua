-- What scripts find: made once per machine, and for each request an environment of its own.
local host = ...
local G = _G
local error, type, tostring, pairs, select = error, type, tostring, pairs, select
local loadstring, load, setfenv, unpack = loadstring, load, setfenv, unpack
local create, resume, yield, status =
  coroutine.create, coroutine.resume, coroutine.yield, coroutine.status

-- Host functions give an error's text first, or nil and then their results. Raised from here, it has the
-- line of whoever called.
local function finish(err, ...)
  if err ~= nil then error(err, 3) end
  return ...
end

local function wrap(f)
  return function(...) return finish(f(...)) end
end

local function http(...)
  local err, ask = host.http_ask(...)
  if err ~= nil then error(err, 2) end
  return finish(yield(ask))
end

-- Lua 5.1 cannot wait within its own pcall: here each call is a coroutine whose waiting is handed on.
local function step(co, handler, good, ...)
  if not good then
    if host.is_over() then error((...), 0) end
    if handler then return false, handler(...) end
    return false, ...
  end
  if status(co) == 'suspended' then return step(co, handler, resume(co, yield(...))) end
  return true, ...
end

local function xpcall(f, handler)
  local co = create(function() return f() end)
  return step(co, handler, resume(co))
end

local function pcall(f, ...)
  local n, args = select('#', ...), { ... }
  local co = create(function() return f(unpack(args, 1, n)) end)
  return step(co, nil, resume(co))
end

local function copy(from)
  local to = {}
  for key, value in pairs(from) do to[key] = value end
  return to
end

local methods = {}
for kind, functions in pairs(host.methods) do
  methods[kind] = {}
  for name, f in pairs(functions) do methods[kind][name] = wrap(f) end
end
host.adopt(methods)

local table_new, list_new, nil_new = wrap(host.table_new), wrap(host.list_new), wrap(host.nil_new)
local custom_error = wrap(host.custom_error)
local base = {
  'assert', 'error', 'ipairs', 'next', 'pairs', 'rawequal', 'rawget', 'rawset', 'select', 'setmetatable',
  'getmetatable', 'tonumber', 'tostring', 'type', 'unpack', '_VERSION',
}

return function(is_open)
  local env = {}
  if is_open then
    for key, value in pairs(G) do env[key] = type(value) == 'table' and copy(value) or value end
  else
    for i = 1, #base do env[base[i]] = G[base[i]] end
    env.table = copy(G.table)
  end
  env._G = env
  env.pcall, env.xpcall, env.print = pcall, xpcall, wrap(host.print)
  local function here(f, err)
    if f then setfenv(f, env) end
    return f, err
  end
  env.loadstring = function(text, name) return here(loadstring(text, name)) end
  env.load = function(f, name) return here(load(f, name)) end
  env.luaTable, env.luaList, env.luaNil = { new = table_new }, { new = list_new }, { new = nil_new }
  env.http_response = { new = http }
  env.custom_error = custom_error
  return env
end
