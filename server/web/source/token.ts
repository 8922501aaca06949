// Requests of a page whose server asks for a token. It is kept in the tab alone, and is in no address.
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

/// @return whether there is another token now than the one that was refused
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
      // Only what can stand in a header field.
      if (/^[\x21-\x7e]+$/.test(token)) sessionStorage.setItem(place, token);
      dialog.remove();
      resolve(kept() !== refused);
    });
    document.body.append(dialog);
    dialog.showModal();
  }).finally(() => { asking = undefined; });
  return asking;
}

/// As fetch(), with the token where there is one. Asks the person for one where the server does.
export async function ask(address: string, options: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = kept();
    const response = await fetch(address, withToken(options));
    if (response.status !== 401 || !await askForToken(used)) return response;
  }
}
