import type { Process, Program } from '../../machine/types.ts'
import { become } from '../become.ts'
import { nginxRelease } from '../images/nginx-releases.ts'
import { mayWrite } from './account.ts'
import { runNginx } from './command.ts'
import { versionOf } from './nginx.ts'

/** /docker-entrypoint.sh of the image: says what it prepares, then becomes the command. */
export const nginxEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0] === 'nginx' || command[0] === 'nginx-debug') {
    const script = '/docker-entrypoint.sh:'
    const quiet = process.env.has('NGINX_ENTRYPOINT_QUIET_LOGS')
    const { scripts, infoWords } = nginxRelease(versionOf(process))
    const has = (name: string): boolean => scripts.some((s) => s.startsWith(name))
    const ipv6 = listenOnIpv6(process)
    const templates = fillTemplates(process)
    const wordOf = (line: string): string => (infoWords ? 'info: ' : /^(Getting|Enabled)/.test(line) ? '' : 'error: ')
    if (!quiet) {
      const lines = [
        `${script} /docker-entrypoint.d/ is not empty, will attempt to perform configuration`,
        `${script} Looking for shell scripts in /docker-entrypoint.d/`,
        `${script} Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh`,
        ...ipv6.map((line) => `10-listen-on-ipv6-by-default.sh: ${wordOf(line)}${line}`),
        ...(has('15-') ? [`${script} Sourcing /docker-entrypoint.d/15-local-resolvers.envsh`] : []),
        `${script} Launching /docker-entrypoint.d/20-envsubst-on-templates.sh`,
        ...templates.map((line) => `20-envsubst-on-templates.sh: ${line}`),
        ...(has('30-') ? [`${script} Launching /docker-entrypoint.d/30-tune-worker-processes.sh`] : []),
        `${script} Configuration complete; ready for start up`,
      ]
      yield* process.print(lines.map((line) => `${line}\n`).join(''))
    }
    return yield* runNginx(process, command.slice(1))
  }
  return yield* become(process, command)
}

/** 10-listen-on-ipv6-by-default.sh: adds a socket to the image's own default.conf, and to no other. */
export function listenOnIpv6(process: Process): string[] {
  const { fs, network } = process
  const file = '/etc/nginx/conf.d/default.conf'
  if (!network.ipv6) return ['ipv6 not available']
  if (!fs.exists(file)) return [`${file} is not a file or does not exist`]
  const text = fs.readText(file)
  const line = '    listen       80;\n'
  const more = '    listen  [::]:80;\n'
  try {
    // a ConfigMap's files cannot be touched, and root's not by others
    mayWrite(process, file)
    fs.writeFile(file, text)
  } catch {
    return [`can not modify ${file} (read-only file system?)`]
  }
  if (text.includes(more.trim())) return ['IPv6 listen already enabled']
  const said = [`Getting the checksum of ${file}`]
  if (!new RegExp(`^server \\{\n${line}    server_name  localhost;\n\n(    #charset koi8-r;\n)?    #access_log`).test(text)) return [...said, `${file} differs from the packaged version`]
  fs.writeFile(file, text.replace(line, `${line}${more}`))
  return [...said, `Enabled listen on IPv6 in ${file}`]
}

/** 20-envsubst-on-templates.sh: /etc/nginx/templates/x.conf.template with the variables of the environment becomes conf.d/x.conf. */
function fillTemplates(process: Process): string[] {
  const { fs, env } = process
  const from = env.get('NGINX_ENVSUBST_TEMPLATE_DIR') ?? '/etc/nginx/templates'
  const to = env.get('NGINX_ENVSUBST_OUTPUT_DIR') ?? '/etc/nginx/conf.d'
  const suffix = env.get('NGINX_ENVSUBST_TEMPLATE_SUFFIX') ?? '.template'
  if (!fs.exists(from)) return []
  return fs.readDirectory(from).filter((name) => name.endsWith(suffix)).map((name) => {
    const [template, output] = [`${from}/${name}`, `${to}/${name.slice(0, -suffix.length)}`]
    const filter = new RegExp(env.get('NGINX_ENVSUBST_FILTER') ?? '')
    const text = fs.readText(template).replace(/\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g, (all, braced: string | undefined, plain: string | undefined) => (filter.test(braced ?? plain!) ? env.get(braced ?? plain!) : undefined) ?? all)
    try {
      mayWrite(process, output)
      fs.writeFile(output, text)
    } catch {
      return `ERROR: ${from} exists, but ${to} is not writable`
    }
    return `Running envsubst on ${template} to ${output}`
  })
}
