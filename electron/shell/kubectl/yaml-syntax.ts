import { parseAllDocuments } from 'yaml'

/** What go-yaml would say about text that is no YAML, or undefined when it is. */
export function yamlError(content: string): string | undefined {
  const parsed = parseAllDocuments(content, { version: '1.1', merge: true, uniqueKeys: false, logLevel: 'silent' })
  const error = Array.isArray(parsed) ? parsed[0]?.errors[0] : undefined
  return error ? `line ${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]!}` : undefined
}
