// Requests with a token, for servers that require one. The token is kept in this tab only and never in an address.
const place = 'holdfast-token';

let asking: Promise<boolean> | undefined;

function kept(): string | null { return globalThis.sessionStorage?.getItem(place) ?? null; }

function withToken(options: RequestInit): RequestInit {
  const token = kept();
  if (token === null) return options;
  const headers = new Headers(options.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return {...options, headers};
}

/// @return true if there is now another token than the refused one
async function askForToken(refused: string | null): Promise<boolean> {
  if (kept() !== refused) return true;
  asking ??= new Promise<boolean>(resolve => {
    const dialog = document.createElement('dialog');
    const form = document.createElement('form');
    form.method = 'dialog';
    const label = document.createElement('label');
    label.textContent = refused === null ? 'This server asks for a token: ' : 'The server does not take this token any more. Another: ';
    const field = document.createElement('input');
    field.type = 'password';
    field.autocomplete = 'off';
    field.id = 'token';
    const use = document.createElement('button');
    use.textContent = 'Use it in this tab';
    label.append(field);
    form.append(label, use);
    dialog.append(form);
    dialog.addEventListener('close', () => {
      const token = field.value.trim();
      // Accept only characters allowed in a header field.
      if (/^[\x21-\x7e]+$/.test(token)) sessionStorage.setItem(place, token);
      dialog.remove();
      resolve(kept() !== refused);
    });
    document.body.append(dialog);
    dialog.showModal();
  }).finally(() => { asking = undefined; });
  return asking;
}

/// Like fetch(), with the token if there is one. Prompts for a token if the server requires one.
export async function ask(address: string, options: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = kept();
    const response = await fetch(address, withToken(options));
    if (response.status !== 401 || !await askForToken(used)) return response;
  }
}
