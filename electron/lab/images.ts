import { z } from 'zod'
import { IMAGE_TOOLS, isKnownRepository, parseReference, type DeclaredImage } from '../engine/cluster.ts'

/**
 * An image that a lab brings along: a file of its folder, named under `images` in lab.yaml. This is the format's
 * reference. Texts may have {{hostname}}, {{ip}} and {{env:NAME}}; answers and log lines of ports also {{client}},
 * {{body}}, and for http {{path}}, {{method}}, {{query:NAME}} and {{header:NAME}}. Times are seconds.
 */
const IMAGE_LIMITS = { images: 20, ports: 20, responses: 50, files: 50, text: 65_536 }

const text = z.string().max(IMAGE_LIMITS.text, `is longer than ${IMAGE_LIMITS.text} characters`)
const line = text.regex(/^[^\r\n]*$/, 'expected one line')
const port = z.number().int().min(1, 'expected a port from 1 to 65535').max(65_535, 'expected a port from 1 to 65535')
const seconds = z.number().min(0, 'expected seconds from 0 to 3600').max(3600, 'expected seconds from 0 to 3600')
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable')

const response = z.strictObject({
  /** "/api", "/api/*" with all below it, or "*". */
  path: z.string().max(1024).regex(/^(\*|\/[^*\s]*\*?)$/, 'expected a path that begins with /, perhaps ends with /*, or is *').default('*'),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).optional(),
  status: z.number().int().min(200, 'expected a status from 200 to 599').max(599, 'expected a status from 200 to 599').default(200),
  headers: z.record(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'expected the name of a header'), line).default({}),
  body: text.default(''),
  delay: seconds.default(0),
  /** Whom it asks instead of answering itself, with the path and query of the request: what comes back is the answer; nothing: 502. */
  upstream: z.string().regex(/^http:\/\/(\{\{env:[A-Za-z_][A-Za-z0-9_]*\}\}|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/, 'expected http://HOST or http://HOST:PORT, without a path; HOST may be {{env:NAME}}').optional(),
}).refine((r) => r.upstream === undefined || r.body === '', { path: ['body'], message: 'stands beside upstream, whose answer is given' })

const listen = z.discriminatedUnion('protocol', [
  /** The first response whose method and path fit is given; none: 404. */
  z.strictObject({ port, protocol: z.literal('http'), responses: z.array(response).min(1, 'expected at least one response').max(IMAGE_LIMITS.responses, `has more than ${IMAGE_LIMITS.responses} responses`), log: line.optional() }),
  /** `greeting` to whoever connects, `answer` to each line; with `close` the connection ends after the first of them. */
  z.strictObject({ port, protocol: z.enum(['tcp', 'sctp']), greeting: text.default(''), answer: text.default(''), close: z.boolean().default(false), log: line.optional() }),
  z.strictObject({ port, protocol: z.literal('udp'), answer: text.default(''), log: line.optional() }),
])

export const imageSchema = z.strictObject({
  name: z.string().superRefine((name, context) => {
    const problem = nameProblem(name)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  }),
  /** What it is built on: nothing but its program, or a userland with a shell. */
  base: z.enum(['distroless', 'busybox', 'alpine', 'debian']).default('distroless'),
  tools: z.array(z.enum(IMAGE_TOOLS)).default([]),
  environment: z.record(variable, text).default({}),
  /** Variables that must be set; without one it says which, and exits with 1. */
  needs: z.array(variable).default([]),
  files: z.record(z.string().regex(/^(\/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/, 'expected an absolute path without . and ..'), text).refine((f) => Object.keys(f).length <= IMAGE_LIMITS.files, `has more than ${IMAGE_LIMITS.files} files`).default({}),
  startDelay: seconds.default(0),
  log: z.array(line).max(100).default([]),
  listen: z.array(listen).max(IMAGE_LIMITS.ports, `has more than ${IMAGE_LIMITS.ports} ports`).superRefine((ports, context) => {
    ports.forEach((p, i) => {
      const transport = (q: typeof p): string => (q.protocol === 'http' ? 'tcp' : q.protocol)
      const same = (q: typeof p): boolean => q.port === p.port && transport(q) === transport(p)
      if (ports.findIndex(same) < i) context.addIssue({ code: 'custom', path: [i, 'port'], message: `${p.port} is taken by an earlier one` })
    })
  }).default([]),
  /** It ends by itself. */
  exit: z.strictObject({ after: seconds, code: z.number().int().min(0).max(255).default(0), log: z.array(line).max(100).default([]) }).optional(),
})

/** The schema gives what the engine takes. */
export type ImageFile = z.infer<typeof imageSchema>
export const declaredImage = (file: ImageFile): DeclaredImage => file

function nameProblem(name: string): string | undefined {
  let digest: string | undefined
  try {
    digest = parseReference(name).digest
  } catch (error) {
    return (error as Error).message
  }
  if (digest !== undefined) return 'expected a tag, not a digest'
  return isKnownRepository(name) ? `"${name}" belongs to an image that there is already` : undefined
}
