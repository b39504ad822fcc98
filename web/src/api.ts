import { signal } from '@preact/signals';
import type { Session } from './types';
import { t } from './text';

/** undefined: not known yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** True when a session ended by itself, not by signing out. */
export const sessionEnded = signal(false);

/** What the node answered instead: a sentence and what to do about it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
    readonly remedy: string,
  ) {
    super(text);
  }
}

export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, 'offline', t.error.offline, t.error.offlineRemedy);
}

async function answerOf(response: Response): Promise<unknown> {
  const body = await response.text();
  if (body === '' && response.ok) return undefined;
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem(response.status, 'garbled', t.error.garbled(response.status), t.error.garbledRemedy);
  }
}

function refusal(status: number, answer: unknown): Problem {
  const error = (answer as { error?: { code?: unknown; text?: unknown; remedy?: unknown } } | undefined)?.error;
  if (!error || typeof error.text !== 'string') {
    return new Problem(status, 'garbled', t.error.garbled(status), t.error.garbledRemedy);
  }
  return new Problem(status, String(error.code ?? ''), error.text, typeof error.remedy === 'string' ? error.remedy : '');
}

async function call(method: string, path: string, body: unknown, abort?: AbortSignal): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && session.value) headers['X-CSRF-Token'] = session.value.csrf;
  const response = await fetch(`/api/v1/${path}`, {
    method,
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(abort ? { signal: abort } : {}),
  });
  const answer = await answerOf(response);
  if (response.ok) return answer;
  if (response.status === 401 && session.value) {
    sessionEnded.value = true;
    session.value = null;
  }
  throw refusal(response.status, answer);
}

export function get<T>(path: string, query: Record<string, string> = {}, abort?: AbortSignal): Promise<T> {
  const search = new URLSearchParams(query).toString();
  return call('GET', search ? `${path}?${search}` : path, undefined, abort) as Promise<T>;
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return call('POST', path, body) as Promise<T>;
}

/** Whether the cookie of an earlier visit still holds. */
export async function resume(): Promise<void> {
  try {
    session.value = await get<Session>('session');
  } catch (error) {
    const problem = problemOf(error);
    if (problem.status !== 401) throw problem;
    session.value = null;
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  session.value = (await call('POST', 'session', { name, password })) as Session;
  sessionEnded.value = false;
}

export async function signOut(): Promise<void> {
  await call('DELETE', 'session', undefined);
  session.value = null;
}
