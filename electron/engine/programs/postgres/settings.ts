import { byName } from '../../own.ts'

/** The server's command line and what it sets (postgres(1); names and defaults: PostgreSQL's manual, chapter "Server Configuration"). */
export type Settings = ReadonlyMap<string, string>

/** What acts here, and what changes nothing that a simulation shows. Names as pg_settings has them. */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ['listen_addresses', '*'], ['port', '5432'], ['max_connections', '100'], ['log_connections', 'off'], ['log_disconnections', 'off'], ['log_statement', 'none'], ['superuser_reserved_connections', '3'],
  ['shared_buffers', '128MB'], ['work_mem', '4MB'], ['maintenance_work_mem', '64MB'], ['effective_cache_size', '4GB'], ['wal_level', 'replica'], ['wal_buffers', '4MB'], ['max_wal_size', '1GB'], ['min_wal_size', '80MB'], ['max_wal_senders', '10'], ['max_replication_slots', '10'],
  ['wal_keep_size', '0'], ['hot_standby', 'on'], ['fsync', 'on'], ['synchronous_commit', 'on'], ['full_page_writes', 'on'], ['checkpoint_timeout', '5min'], ['checkpoint_completion_target', '0.9'], ['random_page_cost', '4'], ['effective_io_concurrency', '1'],
  ['max_worker_processes', '8'], ['max_parallel_workers', '8'], ['max_parallel_workers_per_gather', '2'], ['max_prepared_transactions', '0'], ['max_locks_per_transaction', '64'], ['autovacuum', 'on'], ['jit', 'on'], ['huge_pages', 'try'], ['default_statistics_target', '100'],
  ['log_min_duration_statement', '-1'], ['log_min_messages', 'warning'], ['log_min_error_statement', 'error'], ['log_checkpoints', 'on'], ['log_lock_waits', 'off'], ['log_timezone', 'Etc/UTC'], ['timezone', 'Etc/UTC'], ['track_activity_query_size', '1kB'], ['track_io_timing', 'off'], ['cluster_name', ''],
  ['tcp_keepalives_idle', '7200'], ['tcp_keepalives_interval', '75'], ['tcp_keepalives_count', '9'], ['unix_socket_directories', '/var/run/postgresql'], ['dynamic_shared_memory_type', 'posix'], ['password_encryption', 'scram-sha-256'],
  ['data_directory', '/var/lib/postgresql/data'], ['config_file', '/var/lib/postgresql/data/postgresql.conf'], ['hba_file', '/var/lib/postgresql/data/pg_hba.conf'], ['server_encoding', 'UTF8'], ['client_encoding', 'UTF8'], ['ssl', 'off'], ['search_path', '"$user", public'], ['log_destination', 'stderr'], ['logging_collector', 'off'],
]
/** Those that would do something here if they were simulated. */
const FIXED = new Set(['config_file', 'hba_file', 'data_directory', 'ssl', 'password_encryption', 'timezone', 'log_timezone', 'log_destination', 'logging_collector', 'search_path', 'server_encoding', 'client_encoding'])
/** Others that the real one has. */
const OTHERS = /^(archive_|ssl_|recovery_|primary_|shared_preload_libraries|session_preload|local_preload|statement_timeout|lock_timeout|idle_|authentication_timeout|log_|autovacuum_|vacuum_|enable_|cpu_|bgwriter_|wal_|track_|datestyle|lc_|default_|synchronous_standby|temp_|include|ident_file|external_pid|bonjour|db_user|krb_|gss_|row_security|bytea_|xml|geqo|plan_|parallel_|jit_|max_|min_|io_|commit_|hot_|unix_|client_|debug_|event_|gin_|in_|restart_after|stats_|update_process|zero_|backend_flush|array_nulls|backslash_quote|check_function|constraint_exclusion|cursor_tuple|deadlock_timeout|exit_on_error|extra_float|from_collapse|join_collapse|hash_mem|operator_prec|quote_all|seq_page|standard_conforming|transform_null|transaction_|update_|syslog_|password_|scram_)/
const BOOLEAN = new Set(['log_connections', 'log_disconnections', 'hot_standby', 'fsync', 'full_page_writes', 'autovacuum', 'jit', 'log_checkpoints', 'log_lock_waits', 'track_io_timing', 'ssl', 'logging_collector'])
const WORDS: Readonly<Record<string, string>> = byName({ true: 'on', yes: 'on', 1: 'on', on: 'on', t: 'on', y: 'on', false: 'off', no: 'off', 0: 'off', off: 'off', f: 'off', n: 'off' })
const INTEGERS: Readonly<Record<string, readonly [number, number]>> = byName({ port: [1, 65_535], max_connections: [1, 262_143] })
const STATEMENTS = ['none', 'ddl', 'mod', 'all']

export type Reading = { settings: Settings } | { message: string; code: number; fatal?: boolean }

export function readSettings(args: readonly string[]): Reading {
  const settings = new Map(DEFAULTS)
  const set = (name: string, value: string): Reading | undefined => {
    const key = name.toLowerCase().replaceAll('-', '_')
    const known = settings.get(key)
    if (known === undefined && !OTHERS.test(key)) return { message: `unrecognized configuration parameter "${key}"`, code: 1, fatal: true }
    const meant = BOOLEAN.has(key) ? WORDS[value.toLowerCase()] : value
    if (meant === undefined) return { message: `parameter "${key}" requires a Boolean value`, code: 1, fatal: true }
    if (known === undefined || (FIXED.has(key) && meant.toLowerCase() !== known.toLowerCase())) return { message: `postgres -c ${key}=${value} (listen_addresses, port, max_connections, log_connections, log_disconnections and log_statement act; what sizes memory and the log of changes is taken)`, code: 69 }
    const range = INTEGERS[key]
    if (range && !/^[+-]?\d+$/.test(value)) return { message: `invalid value for parameter "${key}": "${value}"`, code: 1, fatal: true }
    if (range && (Number(value) < range[0] || Number(value) > range[1])) return { message: `${value} is outside the valid range for parameter "${key}" (${range[0]} .. ${range[1]})`, code: 1, fatal: true }
    if (key === 'log_statement' && !STATEMENTS.includes(value)) return { message: `invalid value for parameter "log_statement": "${value}"\nHINT:  Available values: ${STATEMENTS.join(', ')}.`, code: 1, fatal: true }
    settings.set(key, meant)
    return undefined
  }
  const letters: Readonly<Record<string, string>> = { p: 'port', h: 'listen_addresses', N: 'max_connections', B: 'shared_buffers', S: 'work_mem', D: 'data_directory', k: 'unix_socket_directories' }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(arg)
    const letter = /^-([A-Za-z])(.*)$/s.exec(arg)
    let problem: Reading | undefined
    if (long) {
      if (long[2] === undefined) return { message: `--${long[1]} requires a value`, code: 1, fatal: true }
      problem = set(long[1]!, long[2])
    } else if (letter) {
      const name = letters[letter[1]!]
      if (letter[1] !== 'c' && name === undefined) return { message: `postgres ${arg} (-c, -p, -h, -N and --NAME=VALUE are)`, code: 69 }
      const value = letter[2] === '' ? args[++i] : letter[2]
      if (value === undefined) return { message: `postgres: option requires an argument -- '${letter[1]}'\nTry "postgres --help" for more information.`, code: 1 }
      const [, key = value, of] = /^([^=]*)=(.*)$/s.exec(value) ?? []
      if (letter[1] === 'c' && of === undefined) return { message: `-c ${value} requires a value`, code: 1, fatal: true }
      problem = name === undefined ? set(key, of!) : set(name, value)
    } else return { message: `postgres: invalid argument: "${arg}"\nTry "postgres --help" for more information.`, code: 1 }
    if (problem) return problem
  }
  return { settings }
}
